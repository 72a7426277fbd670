import java.io.BufferedOutputStream;
import java.util.zip.GZIPOutputStream;

/** Compresses standard input as jib does. */
class Gzip {
    public static void main(String[] args) throws Exception {
        try (var out = new GZIPOutputStream(new BufferedOutputStream(System.out, 1 << 16))) {
            System.in.transferTo(out);
        }
    }
}
