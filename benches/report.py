"""The results as a table and as a picture."""

import html


def number(x):
    return f"{x:,.0f}" if x >= 100 else f"{x:.2f}" if x < 10 else f"{x:.1f}"


def speed(row):
    if row is None:
        return ""
    text = f"{number(row['per_second'])}/s"
    if "p99_ms" in row:
        text += f", p99 {number(row['p99_ms'])} ms, {number(row['cpu_us'])} µs"
    return text


def ratio(row, other):
    if other not in row:
        return ""
    return f"{row['strongroom']['per_second'] / row[other]['per_second']:.2f}"


def table(rows, facts):
    lines = ["| work | strongroom | OpenBao | the limit | × OpenBao | of the limit |",
             "|---|---|---|---|---|---|"]
    for title, row in rows.items():
        cells = [speed(row.get(name)) for name in ("strongroom", "openbao", "limit")]
        lines.append(f"| {title} | {' | '.join(cells)} "
                     f"| {ratio(row, 'openbao')} | {ratio(row, 'limit')} |")
    lines += ["", "| figure | strongroom | OpenBao |", "|---|---|---|"]
    for title, fact in facts.items():
        cells = [number(fact[name]) if name in fact else "" for name in ("strongroom", "openbao")]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines)


BARS = (("strongroom", "#0f766e"), ("openbao", "#b45309"), ("limit", "#94a3b8"))
NAMES = {"strongroom": "strongroom", "openbao": "OpenBao", "limit": "the limit of the machine"}
LEFT, WIDTH, BAR, GAP = 330, 860, 11, 12


def picture(rows, about):
    """A bar for each server that did the work; the longest of a row is the whole width."""
    shown = {title: row for title, row in rows.items() if len(row) > 1}
    parts, y = [], 64
    for title, row in shown.items():
        names = [(name, colour) for name, colour in BARS if name in row]
        most = max(row[name]["per_second"] for name, _ in names)
        middle = y + len(names) * BAR / 2 + 4
        parts.append(f'<text x="{LEFT - 10}" y="{middle:.0f}" text-anchor="end">{html.escape(title)}</text>')
        for name, colour in names:
            rate = row[name]["per_second"]
            width = max(rate / most * (WIDTH - LEFT - 90), 1)
            parts.append(f'<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR - 2}" fill="{colour}"/>')
            parts.append(f'<text x="{LEFT + width + 5:.1f}" y="{y + BAR - 3}" class="n">{rate:,.0f}/s</text>')
            y += BAR
        y += GAP
    legend, x = [], LEFT
    for name, colour in BARS:
        legend.append(f'<rect x="{x}" y="30" width="12" height="12" fill="{colour}"/>'
                      f'<text x="{x + 17}" y="40">{NAMES[name]}</text>')
        x += 110 if name != "limit" else 0
    return f'''<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y + 24}" role="img">
<title>Requests a second</title>
<style>text{{font:12px system-ui,sans-serif;fill:#334155}}.n{{font-size:9px}}.t{{font-weight:600;font-size:14px}}</style>
<rect width="{WIDTH}" height="{y + 24}" fill="#ffffff"/>
<text x="10" y="20" class="t">Requests a second, in one run on one machine</text>
{chr(10).join(legend)}
{chr(10).join(parts)}
<text x="10" y="{y + 14}" class="n">{html.escape(about)}</text>
</svg>
'''
