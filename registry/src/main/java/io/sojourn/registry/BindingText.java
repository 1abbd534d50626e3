// SPDX-License-Identifier: Apache-2.0
package io.sojourn.registry;

import io.sojourn.model.binding.Binding;
import io.sojourn.model.binding.Epoch;
import io.sojourn.model.identity.VmId;
import io.sojourn.model.location.GatewayId;

/** A binding as the value of its entry: {@code 7 gw-tokyo}. The key is the VM. */
public final class BindingText {
    private BindingText() {}

    static String format(Binding binding) {
        return binding.epoch().number() + " " + binding.gateway();
    }

    public static Binding parse(String vm, String text) {
        int blank = text.indexOf(' ');
        return new Binding(
                new VmId(vm),
                new GatewayId(text.substring(blank + 1)),
                new Epoch(Long.parseLong(text.substring(0, blank))));
    }
}
