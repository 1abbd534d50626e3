// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wan;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class DueQueueTest {
    private record Entry(int slot, long due) {}

    @Test
    void agreesWithAStableSort() {
        SplittableRandom random = new SplittableRandom(42);
        for (int round = 0; round < 200; round++) {
            DueQueue queue = new DueQueue(300);
            List<Entry> reference = new ArrayList<>();
            for (int step = 0; step < 600; step++) {
                if (queue.size() < 300 && random.nextInt(3) > 0) {
                    Entry entry = new Entry(step, random.nextInt(50));
                    queue.add(entry.slot(), entry.due());
                    reference.add(entry);
                } else if (!queue.isEmpty()) {
                    Entry first = reference.stream()
                            .min(Comparator.comparingLong(Entry::due))
                            .orElseThrow();
                    reference.remove(first);
                    assertThat(queue.firstDueNs()).isEqualTo(first.due());
                    assertThat(queue.remove()).isEqualTo(first.slot());
                }
            }
        }
    }
}
