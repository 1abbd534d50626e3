#!/bin/busybox sh
# SPDX-License-Identifier: Apache-2.0
# What udhcpc calls with what a server has said: the leased address is for new connections, older ones stay for those that have begun with them.
[ "$1" = bound ] || [ "$1" = renew ] || exit 0
ip-xdp -4 -o addr show dev "$interface" scope global | while read -r _ _ _ have _; do
    [ "$have" = "$ip/$mask" ] || ip-xdp addr change "$have" dev "$interface" preferred_lft 0 valid_lft forever
done
ip-xdp addr replace "$ip/$mask" dev "$interface" preferred_lft forever valid_lft forever
ip-xdp route replace default via "${router%% *}" dev "$interface" src "$ip"
