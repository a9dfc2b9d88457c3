"""The frame of the cover page: its form, and the words that are the same on each."""

from __future__ import annotations

STYLE = """
@page { size: A4; margin: 16mm 15mm 18mm; }
* { box-sizing: border-box; }
body { font: 10pt/1.45 "Noto Sans CJK SC", "Source Han Sans SC", "Microsoft YaHei", "PingFang SC",
  "Noto Sans", "Segoe UI", sans-serif;
  color: #111; margin: 0 auto; max-width: 180mm; padding: 4mm 0; }
h1 { font-size: 17pt; line-height: 1.25; margin: 0 0 1mm; }
h1 + p { margin: 0 0 5mm; font-size: 11pt; color: #444; }
h2 { font-size: 11pt; margin: 0 0 1mm; }
h3 { font-size: 11pt; margin: 7mm 0 2mm; }
h3 small { font-weight: normal; color: #555; margin-left: 2mm; }
table { border-collapse: collapse; width: 100%; table-layout: fixed; }
th, td { border: 0.3mm solid #999; padding: 0.6mm 2mm; text-align: left; vertical-align: top;
  overflow-wrap: anywhere; }
col { width: 27mm; }
col.v { width: 63mm; }
th { font-weight: 600; background: #f3f3f3; }
th small { display: block; font-weight: normal; font-size: 7.5pt; line-height: 1.2; color: #555; }
.sum { font: 8pt/1.5 "Noto Sans Mono", "DejaVu Sans Mono", Consolas, Menlo, monospace; }
section { break-inside: avoid; margin: 0 0 4mm; }
.signs { display: grid; grid-template-columns: repeat(3, 1fr); gap: 5mm; break-inside: avoid; }
.signs div { border: 0.3mm solid #999; padding: 2mm; height: 30mm; display: flex;
  flex-direction: column; justify-content: space-between; }
.signs small, .note { font-size: 8pt; color: #555; }
.whole { border: 0.3mm solid #999; padding: 2mm 3mm 9mm; break-inside: avoid; }
@media print { body { max-width: none; padding: 0; } th { -webkit-print-color-adjust: exact;
  print-color-adjust: exact; } }
"""

PAGE = """<!DOCTYPE html>
<html lang="zh-CN">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>电子数据提取清单 {id}</title>
<style>{style}</style>
</head>
<body>
<h1>执法记录仪音视频 电子数据提取清单</h1>
<p>Footage of body-worn recorders: list of what was extracted</p>
{about}
<h3>文件与完整性校验值<small>Files and their check values</small></h3>
{clips}
<h3>整包校验值<small>Check value of the whole</small></h3>
<div class="whole"><span class="note">tagmanifest-sha256.txt 的 SHA-256，由提取人手写前 16 位。
The first 16 digits of its SHA-256, written here by hand.</span></div>
<h3>签名<small>Signatures</small></h3>
<div class="signs">
<div><b>提取人 <small>made by</small></b><small>签名、日期 signature, date</small></div>
<div><b>见证人 <small>witness</small></b><small>签名、日期 signature, date</small></div>
<div><b>接收人 <small>receiver</small></b><small>签名、日期 signature, date</small></div>
</div>
<p class="note">时间为协调世界时（UTC）。校验方法见 README.txt，使用通用工具即可。
Times are UTC. README.txt says how to check all of this with stock tools.</p>
</body>
</html>
"""
