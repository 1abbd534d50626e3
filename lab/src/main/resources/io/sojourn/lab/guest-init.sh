#!/bin/busybox sh
# SPDX-License-Identifier: Apache-2.0
# First process of a lab guest. Kernel command line: sojourn.nic=MAC,IPV4/LEN,GATEWAY4,IPV6/LEN,GATEWAY6 (once a NIC; parts may be empty),
# sojourn.name=NAME. Says "SOJOURN GUEST READY" on the console when every service answers.
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts pts /dev/pts
mount -t tmpfs tmp /tmp

for module in $(cat /modules/order); do
    case $module in
    # Answers leave the driver once a round, and a round has up to 64 frames: without KVM, and with nothing translated yet after a
    # move, that is 40 ms until the first answer.
    virtio_net*) options=napi_weight=1 ;;
    *) options= ;;
    esac
    insmod "/modules/$module" $options || echo "cannot load $module"
done

# A gateway flushes what it held for the guest in one burst: no socket's buffer may be the place where a packet is lost.
sysctl -q -w net.core.rmem_max=16777216 net.core.rmem_default=16777216 net.core.netdev_max_backlog=10000
sysctl -q -w net.ipv4.tcp_slow_start_after_idle=0 net.ipv4.tcp_syncookies=0
sysctl -q -w net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.default.accept_ra=0

# What the network leaves to a thread, as it took longer than two milliseconds (every time, with nothing translated yet), goes before the programs.
for process in /proc/[0-9]*; do
    case $(cat "$process/comm") in
    ksoftirqd/*) chrt -f -p 1 "${process#/proc/}" >/dev/null ;;
    esac
done

ip link set lo up
for word in $(cat /proc/cmdline); do
    case $word in
    sojourn.name=*) hostname "${word#sojourn.name=}" ;;
    sojourn.nic=*)
        rest=${word#sojourn.nic=}
        mac=${rest%%,*}; rest=${rest#*,}
        ip4=${rest%%,*}; rest=${rest#*,}
        gateway4=${rest%%,*}; rest=${rest#*,}
        ip6=${rest%%,*}
        gateway6=${rest#*,}
        for path in /sys/class/net/*; do
            [ "$(cat "$path/address")" = "$mac" ] || continue
            nic=${path##*/}
            ifconfig "$nic" txqueuelen 10000 up
            # Datagrams to port 7 are turned round by the driver (EchoProgram); if it cannot, inetd below answers them.
            ip-xdp link set dev "$nic" xdp obj /echo.o sec xdp || echo "no XDP echo on $nic"
            [ -n "$ip4" ] && ip addr add "$ip4" dev "$nic"
            [ -n "$ip6" ] && ip -6 addr add "$ip6" dev "$nic"
            [ -n "$gateway4" ] && ip route add default via "$gateway4"
            [ -n "$gateway6" ] && ip -6 route add default via "$gateway6"
        done
        ;;
    esac
done

# echo (7): streams, and such datagrams as the XDP program passes, IPv4 and IPv6, built into inetd, which forks for a stream and never
# for a datagram.
inetd -R 100000 /etc/inetd.conf
dropbear -E -s -r /etc/dropbear/dropbear_ed25519_host_key
iperf3 -s -D >/dev/null
httpd -h /www
while [ "$(grep -c ':0007 ' /proc/net/udp6)" = 0 ] || [ "$(grep -c ':0016 ' /proc/net/tcp6)" = 0 ]; do usleep 20000; done
echo "SOJOURN GUEST READY"
while :; do sleep 3600; done
