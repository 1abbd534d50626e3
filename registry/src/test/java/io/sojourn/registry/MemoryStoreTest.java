// SPDX-License-Identifier: Apache-2.0
package io.sojourn.registry;

import java.time.Clock;

class MemoryStoreTest extends BindingStoreContract {
    @Override
    BindingStore open() {
        return new MemoryStore(Clock.systemUTC());
    }
}
