"""Prints the digests of what zlib, GNU gzip and pigz make of files."""
import hashlib, os, subprocess, sys, zlib

TOOLS = [
    ("gnu", 0, ["gzip", "-nc"]),
    ("gnur", 0, ["gzip", "-nc", "--rsyncable"]),
    ("pigz", 131072, ["pigz", "-nTc", "-p2"]),
    ("pigzi", 131072, ["pigz", "-nTc", "-p2", "-i"]),
]

for name in sys.argv[1:]:
    with open(name, "rb") as f:
        plain = f.read()
    for level in range(1, 10):
        c = zlib.compressobj(level, zlib.DEFLATED, -15, 8)
        made = [("zlib", 0, c.compress(plain) + c.flush())]
        for encoder, block, command in TOOLS:
            gz = subprocess.run(command + [f"-{level}"], input=plain, stdout=subprocess.PIPE, check=True).stdout
            made.append((encoder, block, gz[10:-8]))
        for encoder, block, stream in made:
            print(encoder, level, block, os.path.basename(name), hashlib.sha256(stream).hexdigest())
