// SPDX-License-Identifier: Apache-2.0
package io.sojourn.certificate;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;

/** What source and destination signed about one move. Either half may be missing, and is then named as missing. */
public record Certificate(String migration, Optional<SignedStatement> source, Optional<SignedStatement> destination) {
    public static final String SCHEMA = "sojourn.certificate/1";

    public List<String> missing() {
        List<String> missing = new ArrayList<>();
        if (source.isEmpty()) {
            missing.add("source");
        }
        if (destination.isEmpty()) {
            missing.add("destination");
        }
        return missing;
    }

    /** What a person calls the move: VM and epoch, such as web1-e2; the migration's id if no half says so. */
    public String name() {
        return halves().stream()
                .findFirst()
                .map(half -> half.statement().subject())
                .map(subject -> subject.vm() + "-e" + subject.epoch())
                .orElse(migration);
    }

    public List<SignedStatement> halves() {
        return Stream.of(source, destination).flatMap(Optional::stream).toList();
    }

    /** Canonical JSON, one line. */
    public String text() {
        Map<String, Object> out = new TreeMap<>();
        out.put("schema", SCHEMA);
        out.put("migration", migration);
        out.put("missing", missing());
        source.ifPresent(half -> out.put("source", half.json()));
        destination.ifPresent(half -> out.put("destination", half.json()));
        return CanonicalJson.write(out);
    }

    /** @param json in any form */
    public static Certificate parse(String json) {
        Fields f = new Fields("certificate", CanonicalJson.read(json));
        f.schema(SCHEMA);
        Certificate certificate = new Certificate(
                f.text("migration"),
                f.has("source") ? Optional.of(SignedStatement.of(f.any("source"))) : Optional.empty(),
                f.has("destination") ? Optional.of(SignedStatement.of(f.any("destination"))) : Optional.empty());
        if (!f.texts("missing").equals(certificate.missing())) {
            throw new CertificateException("certificate: 'missing' does not name the halves that are missing");
        }
        f.end();
        return certificate;
    }

    /**
     * A certificate as it is kept in a file: {@link #text} and a line's end, octet by octet. So whatever is changed in the file, be it
     * a space, is noticed.
     */
    public static Certificate ofFile(byte[] octets) {
        String text;
        try {
            text = StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(octets))
                    .toString();
        } catch (CharacterCodingException e) {
            throw new CertificateException("not a certificate: it is not UTF-8", e);
        }
        Certificate certificate = parse(text);
        if (!text.equals(certificate.fileText())) {
            throw new CertificateException(
                    "the certificate has been rewritten: it is not in the canonical form in which it was exported");
        }
        return certificate;
    }

    public String fileText() {
        return text() + "\n";
    }
}
