// SPDX-License-Identifier: Apache-2.0
package io.sojourn.registry;

import java.util.Optional;

/** One changed entry. @param value what it is now; empty: it is gone */
public record Change(Kind kind, String key, Optional<String> value) {}
