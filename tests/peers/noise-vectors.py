"""Published Noise vectors (JSON) as the lines that tests/noise.rs reads.

usage: noise-vectors.py FILE...

Prints the vectors of Curve25519, and on the error output how many there are.
"""

import json
import sys

count = others = 0
for path in sys.argv[1:]:
    with open(path) as file:
        vectors = json.load(file)["vectors"]
    for vector in vectors:
        name = vector["protocol_name"]
        if "_25519_" not in name:
            others += 1
            continue
        count += 1
        print(name)
        for field, value in vector.items():
            if isinstance(value, list):
                value = "+".join(value) if field.endswith("psks") else ""
            if value and field != "protocol_name":
                print(field, value)
        for message in vector["messages"]:
            print("message", message["payload"], message["ciphertext"])
print(f"{count} vectors; {others} of other curves left out", file=sys.stderr)
