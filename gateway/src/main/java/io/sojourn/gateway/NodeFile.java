// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What the border knows of nodes' correspondents, on disk: a gateway that comes back goes on with the nonces by which each believes the other, and is known by the locators that it was known by. Without them nobody
 * would believe a word of it before its correspondents have forgotten it. Only the owner may read the file.
 *
 * <p>Written on a thread of its own, the latest only; read once.
 */
final class NodeFile {
    /**
     * One node.
     *
     * @param epoch of the VM's binding; 0: it is a host of ours
     * @param savedUs wall clock
     * @param octets as {@link io.sojourn.ilnp.IlccState} writes them
     */
    record Saved(String network, long nid, long internal, long epoch, long savedUs, byte[] octets) {}

    private record Key(String network, long nid) {}

    private static final Logger LOG = LoggerFactory.getLogger(NodeFile.class);
    private static final int MAGIC = 0x534a4e31;
    private static final int OCTETS_MOST = 64 << 20;
    private static final int NODES_MOST = 1 << 16;

    private final @Nullable Path file;
    private final Map<Key, Saved> found = new HashMap<>();
    private final AtomicReference<@Nullable List<Saved>> wanted = new AtomicReference<>();

    private NodeFile(@Nullable Path file) {
        this.file = file;
    }

    /** Nothing is kept. */
    static NodeFile none() {
        return new NodeFile(null);
    }

    /** With what the last process has left there. */
    static NodeFile at(Path file) {
        NodeFile opened = new NodeFile(file);
        if (Files.exists(file)) {
            try {
                opened.read(Files.readAllBytes(file));
            } catch (IOException e) {
                LOG.warn("cannot use {}: {}; correspondents by ilnp are met anew", file, e.getMessage());
            }
        }
        return opened;
    }

    /** What was known of the node when the last process ended, once. */
    Optional<Saved> take(String network, long nid, long internal, long epoch) {
        return Optional.ofNullable(found.remove(new Key(network, nid)))
                .filter(saved -> saved.internal() == internal && saved.epoch() == epoch);
    }

    /** Of a node that is elsewhere. */
    void forget(String network, long nid) {
        found.remove(new Key(network, nid));
    }

    /** Instead of all that was kept before, but for those that nobody has asked for yet: this process may end before somebody does. Returns at once. */
    void keep(List<Saved> nodes) {
        Path to = file;
        Map<Key, Saved> all = new HashMap<>(found);
        nodes.forEach(node -> all.put(new Key(node.network(), node.nid()), node));
        if (to == null || wanted.getAndSet(List.copyOf(all.values())) != null) {
            return; // whoever writes looks again
        }
        Thread.ofPlatform().name("nodes").daemon().start(() -> {
            for (List<Saved> next = wanted.get(); next != null; next = wanted.get()) {
                write(to, next);
                wanted.compareAndSet(next, null);
            }
        });
    }

    private static synchronized void write(Path file, List<Saved> nodes) {
        try {
            Path fresh = file.resolveSibling(file.getFileName() + ".new");
            Files.deleteIfExists(fresh);
            Files.createFile(fresh, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
            Files.write(fresh, octets(nodes));
            Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } catch (IOException e) {
            LOG.error("cannot save what is known of correspondents in {}: {}", file, e.getMessage());
        }
    }

    private static byte[] octets(List<Saved> nodes) throws IOException {
        ByteArrayOutputStream octets = new ByteArrayOutputStream();
        try (DataOutputStream out = new DataOutputStream(octets)) {
            out.writeInt(MAGIC);
            out.writeInt(nodes.size());
            for (Saved node : nodes) {
                out.writeUTF(node.network());
                out.writeLong(node.nid());
                out.writeLong(node.internal());
                out.writeLong(node.epoch());
                out.writeLong(node.savedUs());
                out.writeInt(node.octets().length);
                out.write(node.octets());
            }
        }
        return octets.toByteArray();
    }

    private void read(byte[] octets) throws IOException {
        List<Saved> nodes = new ArrayList<>();
        try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(octets))) {
            int magic = in.readInt();
            int count = in.readInt();
            if (magic != MAGIC || count < 0 || count > NODES_MOST) {
                throw new IOException("it is not such a file");
            }
            for (int i = 0; i < count; i++) {
                String network = in.readUTF();
                long nid = in.readLong();
                long internal = in.readLong();
                long epoch = in.readLong();
                long savedUs = in.readLong();
                int length = in.readInt();
                if (length < 0 || length > OCTETS_MOST) {
                    throw new IOException("it is damaged");
                }
                byte[] state = in.readNBytes(length);
                nodes.add(new Saved(network, nid, internal, epoch, savedUs, state));
            }
        }
        nodes.forEach(node -> found.put(new Key(node.network(), node.nid()), node));
    }
}
