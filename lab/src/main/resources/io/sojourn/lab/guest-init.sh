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
    # Answers leave the driver once a round. A round of up to 64 frames can take 40 ms without KVM and with nothing translated yet after a move; after a round of
    # one frame the rest is left to a thread, and 800 blocks of code to come there are 4 to 8 ms.
    virtio_net*) options=napi_weight=8 ;;
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
            if grep -q sojourn.renumber /proc/cmdline; then
                sysctl -q -w "net.ipv6.conf.$nic.accept_ra=1"
            fi
            ifconfig "$nic" txqueuelen 10000 up
            # By its token it has the same lower half wherever it is; the kernel takes none where routers are not asked.
            grep -q sojourn.renumber /proc/cmdline && ip-xdp token set "::$(echo "${ip6%/*}" | sed "s/.*://")" dev "$nic"
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

# A new preferred prefix means a new site: the address that is asked for there is for new connections, those that are there already live on with the old ones.
renumber() {
    said=$2
    ip-xdp -6 monitor address dev "$1" | while read -r line; do
        case $line in
        *deprecated*) continue ;;
        *"inet6 "*"scope global"*) ;;
        *) continue ;;
        esac
        address=${line#*inet6 }
        address=${address%% *}
        [ "$address" = "$said" ] && continue
        [ "$address" = "$2" ] || ip-xdp -6 addr change "$2" dev "$1" preferred_lft 0 valid_lft forever
        udhcpc -i "$1" -n -q -t 5 -T 2 -s /lease.sh >/dev/null 2>&1 && said=$address
    done
}
if grep -q sojourn.renumber /proc/cmdline; then
    renumber "$nic" "$ip6" &
fi

# echo (7): streams, and such datagrams as the XDP program passes, IPv4 and IPv6, built into inetd, which forks for a stream and never
# for a datagram.
inetd -R 100000 /etc/inetd.conf
dropbear -E -s -r /etc/dropbear/dropbear_ed25519_host_key
iperf3 -s -D >/dev/null
httpd -h /www
while [ "$(grep -c ':0007 ' /proc/net/udp6)" = 0 ] || [ "$(grep -c ':0016 ' /proc/net/tcp6)" = 0 ]; do usleep 20000; done
echo "SOJOURN GUEST READY"
while :; do sleep 3600; done
