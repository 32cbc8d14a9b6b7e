"""The style sheet of the report: light, dark by the reader's preference, and for print."""

from __future__ import annotations

from typing import Final

STYLE: Final = """
:root{color-scheme:light dark;--paper:#fff;--ink:#1d2733;--soft:#5a6775;--rule:#d9dfe5;--panel:#f4f6f8;--accent:#0b6e99;
--bad:#b3261e;--warn:#8a5a00;--c0:#0b6e99;--c1:#c8553d;--c2:#4c7a51;--c3:#6d597a;--c4:#97750a;--c5:#1f877c;--c6:#8540c9;
--c7:#7f5539}
@media (prefers-color-scheme:dark){:root{--paper:#12171d;--ink:#dfe6ed;--soft:#9aa7b4;--rule:#303a45;--panel:#1a2129;
--accent:#4db3dd;--bad:#ff8a80;--warn:#f0b84c;--c0:#4db3dd;--c1:#f08a70;--c2:#86c58b;--c3:#c1a6d6;--c4:#e0bd4f;
--c5:#5fd0c2;--c6:#bf8cf5;--c7:#d0a184}}
@media print{:root{color-scheme:light;--paper:#fff;--ink:#000;--soft:#444;--rule:#bbb;--panel:#fff;--accent:#0b6e99;
--bad:#b3261e;--warn:#8a5a00;--c0:#0b6e99;--c1:#c8553d;--c2:#4c7a51;--c3:#6d597a;--c4:#97750a;--c5:#1f877c;--c6:#8540c9;
--c7:#7f5539}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1.5rem 1rem 4rem;max-width:66rem;background:var(--paper);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif;overflow-wrap:anywhere}
h1{font-size:1.7rem;margin:0 0 .3rem}h2{font-size:1.25rem;margin:2.4rem 0 .6rem;border-bottom:1px solid var(--rule);
padding-bottom:.25rem}h3{font-size:1.02rem;margin:1.4rem 0 .4rem}p{max-width:48rem;margin:.5rem 0}
nav{margin:1rem 0;display:flex;flex-wrap:wrap;gap:.3rem 1.1rem;font-size:.92rem}a{color:var(--accent)}
.soft,figcaption{color:var(--soft);font-size:.9rem}
.headline{background:var(--panel);border:1px solid var(--rule);border-left:4px solid var(--accent);border-radius:4px;
padding:.9rem 1.1rem;margin:1rem 0}.headline p{margin:.2rem 0;max-width:none}
.figures{display:flex;flex-wrap:wrap;gap:.6rem 2.2rem;margin:.6rem 0 0;padding:0;list-style:none}
.figures b{display:block;font-size:1.5rem;line-height:1.2;font-variant-numeric:tabular-nums}
.figures span{color:var(--soft);font-size:.85rem}
.wide{overflow-x:auto}table{border-collapse:collapse;font-size:.88rem;font-variant-numeric:tabular-nums;margin:.6rem 0}
td{white-space:nowrap}td:first-child{white-space:normal;min-width:6.5rem}
th,td{padding:.28rem .65rem;text-align:right;border-bottom:1px solid var(--rule);overflow-wrap:normal}
th{vertical-align:bottom;font-weight:600}th:first-child,td:first-child,.text{text-align:left}
tr.first td{font-weight:600}tr.flatters td{color:var(--soft);font-style:italic}code{font-size:.85em}
figure{margin:1rem 0;max-width:46rem}figure>svg{display:block;width:100%;height:auto}
svg text{fill:var(--ink);font-size:12px}svg .label,svg .value{fill:var(--soft)}svg .value{font-size:9.5px}
.grid{stroke:var(--rule);fill:none}.ideal{stroke:var(--soft);stroke-dasharray:2 4;fill:none}
.line,.whisker{fill:none;stroke-width:2}.whisker{opacity:.75}
.line-0{stroke:var(--c0)}.line-1{stroke:var(--c1)}.line-2{stroke:var(--c2)}.line-3{stroke:var(--c3)}
.line-4{stroke:var(--c4)}.line-5{stroke:var(--c5)}.line-6{stroke:var(--c6)}.line-7{stroke:var(--c7)}
.line.line-1{stroke-dasharray:8 3}.line.line-2{stroke-dasharray:3 2}.line.line-3{stroke-dasharray:9 3 2 3}
.line.line-4{stroke-dasharray:14 4}.line.line-5{stroke-dasharray:1 3}.line.line-6{stroke-dasharray:6 2 1 2 1 2}
.line.line-7{stroke-dasharray:12 3 3 3}
.dot-0{fill:var(--c0)}.dot-1{fill:var(--c1)}.dot-2{fill:var(--c2)}.dot-3{fill:var(--c3)}
.dot-4{fill:var(--c4)}.dot-5{fill:var(--c5)}.dot-6{fill:var(--c6)}.dot-7{fill:var(--c7)}
.legend{display:flex;flex-wrap:wrap;gap:.15rem 1.2rem;list-style:none;padding:0;margin:.3rem 0 0;font-size:.88rem}
.legend svg{width:30px;height:10px;margin-right:.45rem;vertical-align:middle}
.findings{list-style:none;padding:0}.findings li{margin:.5rem 0;padding-left:.8rem;border-left:3px solid var(--rule)}
.findings .error{border-color:var(--bad)}.findings .warning{border-color:var(--warn)}
.error b{color:var(--bad)}.warning b{color:var(--warn)}
.heat td{border:1px solid var(--paper);min-width:2.6rem;
background:color-mix(in srgb,var(--accent) calc(var(--share)*75%),var(--panel))}
.heat th{border:0;font-weight:400}.heat thead th{writing-mode:vertical-rl;transform:rotate(180deg);text-align:left}
.heat thead th:first-child{writing-mode:horizontal-tb;transform:none}
@media print{body{max-width:none;padding:0;font-size:10pt}nav{display:none}p,figure{max-width:none}
h2,h3{break-after:avoid}figure,tr,li,.headline{break-inside:avoid}.wide{overflow:visible}table{font-size:7.5pt}
th,td{padding:.15rem .4rem}td:first-child{min-width:0}.heat td{min-width:0;print-color-adjust:exact}}
"""
