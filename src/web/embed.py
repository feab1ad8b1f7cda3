#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes files as C arrays, each with a NUL behind it: embed.py OUT FILE...;
page.html is web_page_html."""
import os
import sys

with open(sys.argv[1], 'w', encoding='ascii') as out:
    out.write('/* SPDX-License-Identifier: Apache-2.0 */\n')
    for path in sys.argv[2:]:
        name = 'web_' + os.path.basename(path).replace('.', '_')
        with open(path, 'rb') as f:
            data = f.read()
        out.write(f'\nstatic const char {name}[] = {{\n')
        for at in range(0, len(data), 24):
            row = ','.join(str(b if b < 128 else b - 256)
                           for b in data[at:at + 24])
            out.write(f'{row},\n')
        out.write('0};\n')
