// SPDX-License-Identifier: Apache-2.0
package io.sojourn.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The offsets in our code against those of this machine's C compiler and kernel headers. */
class StructLayoutTest {
    private static final String INCLUDES = """
            #define _GNU_SOURCE
            #include <stdio.h>
            #include <stddef.h>
            #include <poll.h>
            #include <sched.h>
            #include <sys/socket.h>
            #include <netinet/in.h>
            #include <net/if.h>
            #include <linux/if_link.h>
            #include <linux/if_packet.h>
            #include <linux/filter.h>
            #include <linux/neighbour.h>
            #include <linux/netlink.h>
            #include <linux/virtio_net.h>
            """;

    @TempDir
    Path directory = Path.of("");

    @Test
    void agreesWithTheCompiler() throws IOException, InterruptedException {
        assumeTrue(hasCompiler(), "skipped: gcc is not installed, so there is nothing to compare the layouts with");
        Map<String, Integer> ours = ours();
        StringBuilder program = new StringBuilder(INCLUDES).append("int main(void) {\n");
        ours.keySet()
                .forEach(expression -> program.append("printf(\"%d\\n\", (int) ")
                        .append(expression)
                        .append(");\n"));
        program.append("return 0; }\n");
        Path source = Files.writeString(directory.resolve("layout.c"), program);
        Path binary = directory.resolve("layout");
        assertThat(run("gcc", "-w", "-o", binary.toString(), source.toString())).isEmpty();
        String[] theirs = run(binary.toString()).split("\n");
        int line = 0;
        for (Map.Entry<String, Integer> entry : ours.entrySet()) {
            assertThat(entry.getValue()).as(entry.getKey()).isEqualTo(Integer.parseInt(theirs[line++]));
        }
    }

    private static Map<String, Integer> ours() {
        Map<String, Integer> ours = new LinkedHashMap<>();
        ours.put("sizeof(struct mmsghdr)", DatagramBatch.MMSGHDR_BYTES);
        ours.put("offsetof(struct mmsghdr, msg_hdr.msg_name)", DatagramBatch.MSG_NAME);
        ours.put("offsetof(struct mmsghdr, msg_hdr.msg_namelen)", DatagramBatch.MSG_NAMELEN);
        ours.put("offsetof(struct mmsghdr, msg_hdr.msg_iov)", DatagramBatch.MSG_IOV);
        ours.put("offsetof(struct mmsghdr, msg_hdr.msg_iovlen)", DatagramBatch.MSG_IOVLEN);
        ours.put("offsetof(struct mmsghdr, msg_hdr.msg_control)", DatagramBatch.MSG_CONTROL);
        ours.put("offsetof(struct mmsghdr, msg_hdr.msg_controllen)", DatagramBatch.MSG_CONTROLLEN);
        ours.put("CMSG_SPACE(sizeof(int))", DatagramBatch.CMSG_BYTES);
        ours.put("offsetof(struct cmsghdr, cmsg_level)", DatagramBatch.CMSG_LEVEL);
        ours.put("offsetof(struct cmsghdr, cmsg_type)", DatagramBatch.CMSG_TYPE);
        ours.put("CMSG_LEN(0)", DatagramBatch.CMSG_DATA);
        ours.put("offsetof(struct mmsghdr, msg_hdr.msg_flags)", DatagramBatch.MSG_FLAGS);
        ours.put("offsetof(struct mmsghdr, msg_len)", DatagramBatch.MSG_LEN);
        ours.put("sizeof(struct iovec)", DatagramBatch.IOVEC_BYTES);
        ours.put("offsetof(struct iovec, iov_len)", DatagramBatch.IOV_LEN);
        ours.put("sizeof(struct sockaddr_in6)", DatagramBatch.SIN6_BYTES);
        ours.put("offsetof(struct sockaddr_in6, sin6_port)", DatagramBatch.SIN6_PORT);
        ours.put("offsetof(struct sockaddr_in6, sin6_addr)", DatagramBatch.SIN6_ADDR);
        ours.put("offsetof(struct sockaddr_in6, sin6_scope_id)", DatagramBatch.SIN6_SCOPE);
        ours.put("sizeof(struct sockaddr_in)", DatagramBatch.SIN_BYTES);
        ours.put("offsetof(struct sockaddr_in, sin_addr)", DatagramBatch.SIN_ADDR);
        ours.put("sizeof(struct ifreq)", Tap.IFREQ_BYTES);
        ours.put("offsetof(struct ifreq, ifr_flags)", Tap.IFNAMSIZ);
        ours.put("sizeof(struct virtio_net_hdr)", Tap.VNET_HDR_BYTES);
        ours.put("sizeof(struct pollfd)", Poller.POLLFD_BYTES);
        ours.put("offsetof(struct pollfd, events)", Poller.POLLFD_EVENTS);
        ours.put("offsetof(struct pollfd, revents)", Poller.POLLFD_REVENTS);
        ours.put("sizeof(struct nlmsghdr)", Netlink.HEADER_BYTES);
        ours.put("sizeof(struct ndmsg)", BridgeFdb.NDMSG_BYTES);
        ours.put("offsetof(struct ndmsg, ndm_ifindex)", BridgeFdb.NDM_IFINDEX);
        ours.put("offsetof(struct ndmsg, ndm_state)", BridgeFdb.NDM_STATE);
        ours.put("offsetof(struct ndmsg, ndm_flags)", BridgeFdb.NDM_FLAGS);
        ours.put("offsetof(struct rtnl_link_stats64, rx_packets)", Links.RX_PACKETS);
        ours.put("offsetof(struct rtnl_link_stats64, tx_packets)", Links.TX_PACKETS);
        ours.put("offsetof(struct rtnl_link_stats64, rx_bytes)", Links.RX_BYTES);
        ours.put("offsetof(struct rtnl_link_stats64, tx_bytes)", Links.TX_BYTES);
        ours.put("offsetof(struct rtnl_link_stats64, rx_dropped)", Links.RX_DROPPED);
        ours.put("offsetof(struct rtnl_link_stats64, tx_dropped)", Links.TX_DROPPED);
        ours.put("sizeof(struct sockaddr_ll)", PacketSocket.SOCKADDR_LL_BYTES);
        ours.put("offsetof(struct sockaddr_ll, sll_protocol)", PacketSocket.SLL_PROTOCOL);
        ours.put("offsetof(struct sockaddr_ll, sll_ifindex)", PacketSocket.SLL_IFINDEX);
        ours.put("offsetof(struct sockaddr_ll, sll_pkttype)", PacketSocket.SLL_PKTTYPE);
        ours.put("sizeof(struct sock_fprog)", PacketSocket.SOCK_FPROG_BYTES);
        ours.put("offsetof(struct sock_fprog, filter)", PacketSocket.SOCK_FPROG_FILTER);
        ours.put("sizeof(struct sock_filter)", PacketSocket.SOCK_FILTER_BYTES);
        return ours;
    }

    private boolean hasCompiler() throws InterruptedException {
        try {
            run("gcc", "--version");
            return true;
        } catch (IOException absent) {
            return false;
        }
    }

    private String run(String... command) throws IOException, InterruptedException {
        Path output = directory.resolve("output");
        Process process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start();
        assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
        return Files.readString(output, StandardCharsets.UTF_8).strip();
    }
}
