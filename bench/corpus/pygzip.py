"""Compresses standard input the ways that Python has: pygzip.py WAY LEVEL."""

import gzip
import io
import shutil
import sys
import tarfile
import zlib

way, level = sys.argv[1], int(sys.argv[2])
source, out = sys.stdin.buffer, sys.stdout.buffer

if way == "gzip":
    with gzip.GzipFile("", "wb", level, out, mtime=0) as z:
        shutil.copyfileobj(source, z)
elif way == "zlib":
    z = zlib.compressobj(level, zlib.DEFLATED, 31)
    while piece := source.read(1 << 16):
        out.write(z.compress(piece))
    out.write(z.flush())
elif way == "zlib9":  # the largest memory level, which few ask for
    z = zlib.compressobj(level, zlib.DEFLATED, 31, 9)
    while piece := source.read(1 << 16):
        out.write(z.compress(piece))
    out.write(z.flush())
elif way in ("w:gz", "w|gz"):
    # Both write the headers anew, so the plain text is another one.
    level = {"compresslevel": level} if way == "w:gz" else {}
    buffer = io.BytesIO()
    with tarfile.open(mode="r|", fileobj=source) as old:
        with tarfile.open("layer.tar.gz", way, buffer, format=tarfile.PAX_FORMAT, **level) as new:
            for member in old:
                new.addfile(member, old.extractfile(member) if member.isreg() else None)
    out.write(buffer.getvalue())
else:
    sys.exit(f"pygzip.py: no way {way!r}")
