// SPDX-License-Identifier: Apache-2.0
#include "report/pages/page_style.hpp"

#include "xfer/report/report.hpp"

namespace xfer::report {

const std::string_view page_style = R"css(
:root {
  color-scheme: light dark;
  --paper: #ffffff; --ink: #1b1f24; --soft: #57606a; --rule: #d4d9df; --tint: #f4f6f8;
  --accent: #0072b2; --warn: #8a5300; --warn-tint: #fff6e5;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --paper: #14171c; --ink: #e8eaed; --soft: #a9b0ba; --rule: #333a44; --tint: #1c2128;
    --accent: #56b4e9; --warn: #f0c36d; --warn-tint: #2a2416;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
  overflow-wrap: anywhere;
}
main, header, footer { max-width: 62rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 1.5rem; }
footer { padding-bottom: 2rem; color: var(--soft); }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .25rem; }
h2 { font-size: 1.3rem; margin: 2.25rem 0 .5rem; border-top: 1px solid var(--rule);
     padding-top: 1.25rem; }
h3 { font-size: 1.05rem; margin: 1.75rem 0 .5rem; }
h4 { font-size: .95rem; margin: 1.25rem 0 .4rem; }
p { margin: .6rem 0; }
a { color: var(--accent); }
.about { color: var(--soft); margin: 0; }
.headline {
  font-size: 1.15rem; font-weight: 600; line-height: 1.4; margin: .75rem 0 1rem;
  border-left: 4px solid var(--accent); padding: .1rem 0 .1rem .8rem;
}
.reading { max-width: 46rem; }
.warnings {
  background: var(--warn-tint); border-left: 4px solid var(--warn); padding: .6rem 1rem;
  margin: 1rem 0;
}
.warnings h3 { margin: 0 0 .3rem; color: var(--warn); }
.warnings ul { margin: 0; padding-left: 1.2rem; }
.table { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums;
        font-size: .93rem; overflow-wrap: normal; }
caption { text-align: left; font-weight: 600; padding: 0 0 .4rem; }
caption span { display: inline-block; position: sticky; left: 0; max-width: calc(100vw - 2rem); }
table.matrix caption span { width: max-content; max-width: min(100vw - 2rem, 58rem); }
th, td { padding: .35rem .6rem; text-align: right; vertical-align: top; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
thead th { border-bottom: 2px solid var(--rule); vertical-align: bottom; font-weight: 600; }
tbody th { font-weight: 400; }
tbody tr + tr > * { border-top: 1px solid var(--rule); }
table.words th, table.words td { text-align: left; }
table.words td { overflow-wrap: anywhere; }
td.value { white-space: nowrap; }
thead th { max-width: 12rem; }
.nobreak { white-space: nowrap; }
tr.main > * { font-weight: 600; }
table.matrix { width: auto; }
table.matrix td, table.matrix th { text-align: center; }
table.matrix th:first-child { text-align: left; position: sticky; left: 0;
                              background: var(--paper); }
td.heat { min-width: 6.6rem; border: 1px solid var(--paper); }
td.heat span, td.heat strong { display: block; white-space: nowrap; }
td.heat .range, td.heat .verdict { font-size: .8rem; }
td.heat .why { font-size: .75rem; white-space: normal; max-width: 10rem; }
.heat-l3 { background: #e66101; color: #1b1f24; } .heat-l2 { background: #f5a55c; color: #1b1f24; }
.heat-l1 { background: #fde0c5; color: #1b1f24; } .heat-0 { background: #f2f2f2; color: #1b1f24; }
.heat-g1 { background: #d0e3f1; color: #1b1f24; } .heat-g2 { background: #8cbfe2; color: #1b1f24; }
.heat-g3 { background: #4a9fd6; color: #1b1f24; }
.heat-none { background: var(--tint); color: var(--ink); }
details { border-top: 1px solid var(--rule); padding: .35rem 0; }
summary { cursor: pointer; padding: .15rem 0; }
summary:focus-visible, a:focus-visible, .table:focus-visible, figure:focus-visible {
  outline: 3px solid var(--accent); outline-offset: 2px;
}
details > div, details > dl { margin: .4rem 0 .6rem; }
.notes { color: var(--soft); font-size: .87rem; margin: .3rem 0 1rem; padding: 0;
         list-style: none; }
.charts { display: flex; flex-wrap: wrap; gap: 1rem 2rem; align-items: flex-start; }
figure { margin: .5rem 0; max-width: 100%; }
figcaption { color: var(--soft); font-size: .87rem; max-width: 26rem; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: .75rem; }
.pair > div { min-width: 0; }
.pair h5 { margin: 0 0 .2rem; font-size: .87rem; font-weight: 600; color: var(--soft); }
pre {
  background: var(--tint); border: 1px solid var(--rule); border-radius: 4px; margin: 0;
  padding: .6rem .7rem; white-space: pre-wrap; font-size: .83rem; line-height: 1.45;
  font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
}
code { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
       font-size: .9em; }
dl { margin: .5rem 0 1rem; }
dt { font-weight: 600; margin-top: .7rem; }
dd { margin: .1rem 0 0; max-width: 46rem; }
@media (min-width: 40.01rem) { .stack tbody th { min-width: 11rem; } }
@media (max-width: 40rem) {
  main, header, footer { padding-left: 1rem; padding-right: 1rem; }
  .pair { grid-template-columns: 1fr; }
  figure { overflow-x: auto; }
  .xfer-chart.wide { min-width: 31rem; }
  table.stack, .stack tbody, .stack tr, .stack th, .stack td, .stack caption { display: block; }
  .stack thead { position: absolute; width: 1px; height: 1px; overflow: hidden;
                 clip-path: inset(50%); }
  .stack tbody tr { border-top: 1px solid var(--rule); padding: .45rem 0; }
  .stack tbody tr > * { border: 0; padding: .1rem 0; }
  .stack tbody th { font-weight: 600; }
  .stack td { display: flex; justify-content: space-between; gap: 1rem; }
  .stack td::before { content: attr(data-label); color: var(--soft); font-weight: 400;
                      text-align: left; white-space: normal; }
}
@media print {
  body { font-size: 10pt; }
  main, header, footer { max-width: none; padding: 0; }
  h2, h3, h4 { break-after: avoid; }
  figure, .pair, .warnings, tr { break-inside: avoid; }
  .table { overflow: visible; }
  .heat { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  table.matrix { font-size: 8pt; }
  td.heat { min-width: 0; padding: .2rem; }
  a { color: inherit; text-decoration: none; }
}
)css";

std::string page_css() { return std::string(page_style); }

}  // namespace xfer::report
