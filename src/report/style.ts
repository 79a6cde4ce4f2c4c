import { CHART_STYLE } from './charts/style.ts';
import { colourProperties, DARK, LIGHT, PRINTED } from './colours.ts';
import { html } from './markup.ts';

/** The style of pages: ice and warm colours, system fonts, light and dark, for screens and print. */
export const STYLE = html`
:root { color-scheme: light dark; ${colourProperties(LIGHT)} }
@media (prefers-color-scheme: dark) { :root { ${colourProperties(DARK)} } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-behavior: smooth; }
body {
  margin: 0; color: var(--ink); font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", sans-serif;
  background: linear-gradient(var(--ice-top), var(--paper) 26rem) no-repeat var(--paper);
  border-top: 4px solid; border-image: linear-gradient(90deg, #bfe0f0, #3c9fd0 30%, #f3d6a2 62%, #df6232) 1;
}
main { max-width: 72rem; margin: 0 auto; padding: 0 clamp(1.1rem, 4vw, 3rem); }
a { color: var(--water); text-underline-offset: .18em; }
h1, h2, h3 { line-height: 1.2; font-weight: 620; letter-spacing: -.012em; text-wrap: balance; overflow-wrap: anywhere; }
h1 { font-size: clamp(1.9rem, 1.3rem + 2.6vw, 3.1rem); font-weight: 660; letter-spacing: -.028em; margin: 2.2rem 0 .9rem; }
h2 { font-size: 1.22rem; margin: 0; }
h3 { font-size: 1rem; margin: 2rem 0 .6rem; }
p { margin: 0 0 1rem; }
small { color: var(--soft); font-size: .84em; }
code, pre { font: .86em/1.6 ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
pre { margin: 0; padding: .8rem 1rem; background: var(--faint); border-radius: 6px; overflow-x: auto; white-space: pre-wrap; }
pre code { font-size: 1em; }
.unseen { position: absolute; clip-path: inset(50%); width: 1px; height: 1px; overflow: hidden; white-space: nowrap; }

.brand { display: flex; align-items: center; gap: .5rem; margin: 0; padding-top: 1.5rem; font-weight: 640; letter-spacing: -.01em; font-size: 1.12rem; }
.brand .crystal { fill: none; stroke: var(--water); stroke-width: 1.5; stroke-linecap: round; }
.brand .drop { fill: var(--warm-fill); stroke: var(--ice-top); stroke-width: 1.6; }
.lede { font-size: clamp(1.08rem, 1rem + .5vw, 1.32rem); line-height: 1.5; max-width: 46rem; margin-bottom: .7rem; text-wrap: pretty; }
.lede strong { color: var(--warm); font-weight: 640; }
.date { color: var(--soft); font-size: .92rem; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(46%, 10.5rem), 1fr)); gap: 1.4rem 1.6rem; margin: 2.2rem 0 2.6rem; }
.figures dt { color: var(--soft); font-size: .86rem; }
.figures dd { margin: 0; }
.figures b { display: block; font-size: clamp(1.65rem, 1.35rem + 1.1vw, 2.2rem); line-height: 1.2; font-weight: 560; letter-spacing: -.035em; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.figures b.long { font-size: 1.3rem; }
.figures div:first-child b { color: var(--warm); }
.figures span { color: var(--soft); font-size: .86rem; }

section { display: grid; grid-template-columns: 13rem minmax(0, 1fr); gap: 1.2rem 3rem; padding: 2.6rem 0 3rem; border-top: 1px solid var(--line); }
section > header p { color: var(--soft); font-size: .88rem; line-height: 1.5; margin: .5rem 0 0; }
@media (min-width: 60rem) { section > header { position: sticky; top: 1.5rem; align-self: start; } }
@media (max-width: 60rem) { section { grid-template-columns: minmax(0, 1fr); padding: 2rem 0 2.2rem; } }

figure { margin: 0; }
.thaw { margin-bottom: 3rem; }
.thaw figcaption, .chart figcaption { display: flex; flex-wrap: wrap; justify-content: space-between; gap: .1rem 1rem; font-size: .88rem; margin-bottom: .55rem; }
.thaw figcaption span, .legend { color: var(--soft); }
.thaw figcaption strong { color: var(--ink); margin-right: .7rem; }
.key { display: inline-flex; gap: .3rem; align-items: center; }
.key svg { margin-left: .8rem; }
.front { display: flex; }
.front .names { flex: none; }
.front .cells { flex: 1; min-width: 0; }
.front svg { overflow: visible; }
.front text { font-size: 12px; fill: var(--soft); text-anchor: end; }
.front .cells text { text-anchor: middle; }
.front .cells rect { stroke: var(--paper); stroke-width: 1; }
.front .cells line { stroke: var(--ink); stroke-width: 1.25; stroke-dasharray: 2 3; }
.ice { fill: var(--ice); }

${CHART_STYLE}

.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .94rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: .55rem 1.2rem .55rem 0; border-bottom: 1px solid var(--line); }
th:last-child, td:last-child { padding-right: 0; }
thead th { color: var(--soft); font-weight: 500; font-size: .84rem; vertical-align: bottom; }
tbody th { font-weight: 560; overflow-wrap: break-word; min-width: 7rem; max-width: 24rem; }
tbody th.number, .short { min-width: 0; }
tfoot th, tfoot td { border-bottom: 0; font-weight: 560; }
td.number, th.number { text-align: right; white-space: nowrap; }
thead th.number { white-space: normal; }
td.words { min-width: 9rem; }
@media (max-width: 34rem) { .wide { display: none; } th, td { padding-right: .8rem; } tbody th { min-width: 4.6rem; } }
td.wide, th.wide { width: 32%; min-width: 6rem; vertical-align: middle; }
td .bar { max-width: 9rem; display: block; margin: .3rem 0 0 auto; }
td.wide .bar { max-width: none; margin: 0; }
td .below { display: block; white-space: nowrap; }
.small { font-size: .86rem; }
.kept th, .kept td { background: var(--faint); font-weight: 600; }
.swatch { margin-right: .25rem; }
.bar .rest { fill: var(--faint); }
.bar .part { fill: var(--amount); }
.bar.cold .part { fill: var(--cold-fill); }
.bar.warm .part { fill: var(--warm-fill); }
.search { margin-top: 1.6rem; font-size: .94rem; display: flex; flex-wrap: wrap; gap: .3rem .6rem; align-items: baseline; }
.search[hidden] { display: none; }
.search input { font: inherit; color: inherit; background: var(--raised); border: 1px solid var(--soft); border-radius: 6px; padding: .35rem .6rem; width: min(100%, 20rem); }
.search output { color: var(--soft); font-variant-numeric: tabular-nums; }
.searched :is(th, td):nth-child(n + 2):nth-child(-n + 6) { text-align: right; white-space: nowrap; }
.searched tr[hidden] { display: none; }
details { margin-top: 1.2rem; }
summary { cursor: pointer; color: var(--water); font-size: .92rem; padding: .2rem 0; }
details[open] summary { margin-bottom: .6rem; }

.beside { display: flex; flex-wrap: wrap; gap: 1rem 3rem; }
.beside > * { min-width: 0; max-width: 100%; }
.beside h3 { margin-top: .4rem; }
.pairs { margin: 0; padding: 0; list-style: none; }
.pairs li { padding: .3rem 0; }
.pairs b { font-weight: 600; }

.images { list-style: none; margin: 0; padding: 0; display: grid; grid-template-columns: repeat(auto-fill, minmax(8.6rem, 1fr)); gap: 1.6rem 1.2rem; }
.images.tight { grid-template-columns: repeat(auto-fill, minmax(6.6rem, 1fr)); gap: .5rem; }
.images img, .frame { display: block; width: 100%; aspect-ratio: 1; object-fit: cover; border-radius: 5px; background: var(--ice); }
.images blockquote { margin: 0; font-size: .86rem; line-height: 1.45; overflow-wrap: anywhere; max-height: 12rem; overflow: auto; }
.images figcaption { display: grid; grid-template-columns: 1fr auto; font-size: .86rem; margin-top: .5rem; line-height: 1.4; }
.images figcaption b { font-weight: 600; color: var(--warm); }
.images figcaption > * { min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.images .bar { grid-column: 1 / -1; margin: .25rem 0 .3rem; }
.images figcaption span:not(.number), .images small { grid-column: 1 / -1; }
.images img + img { margin-top: .3rem; }
.images .maps { display: grid; grid-template-columns: 1fr 1fr; gap: .3rem; margin-top: .3rem; }
.images .maps > * { min-width: 0; }
.images .maps small { display: block; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; line-height: 1.5; }
.scatter { width: 100%; max-width: 26rem; height: auto; font-size: 11px; }
.scatter text { fill: var(--soft); }
.scatter .grid { stroke: var(--line); stroke-width: .6; }
.scatter .right { stroke: var(--soft); stroke-dasharray: 4 4; }
.scatter .point { fill: var(--warm); fill-opacity: .55; }
.files { padding-left: 1.1rem; margin: 0; font-size: .92rem; }
.files li { margin: .25rem 0; color: var(--soft); }
.files code { color: var(--ink); margin-right: .4rem; }
.areas { list-style: none; margin: .6rem 0 0; padding: 0; font-size: .9rem; }
.areas li { display: flex; gap: .6rem; align-items: center; padding: .12rem 0; }
.areas svg { flex: none; }
.areas span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; min-width: 0; }
.areas b { font-weight: 560; font-variant-numeric: tabular-nums; }
.charts h3 { margin-top: 0; }
.facts + p { margin-top: 1rem; }
.facts.narrow { grid-template-columns: repeat(3, auto); justify-content: start; margin-top: .6rem; }
.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 17rem), 1fr)); gap: .9rem 2rem; margin: 0; }
.facts dt, .commands dt { color: var(--soft); font-size: .84rem; }
.facts dd, .commands dd { margin: 0; overflow-wrap: anywhere; }
.facts dd { font-size: .94rem; }
.commands { display: grid; gap: 1rem; margin: 0; }
.commands dd { margin-top: .25rem; }
footer { max-width: 72rem; margin: 0 auto; padding: 1.5rem clamp(1.1rem, 4vw, 3rem) 3rem; color: var(--soft); font-size: .86rem; }

@media print {
  :root { color-scheme: light; ${colourProperties(PRINTED)} }
  body { font-size: 10pt; background: none; border: 0; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  main, footer { max-width: none; padding-left: 0; padding-right: 0; }
  section { display: block; padding: 1.2rem 0; }
  section > header { position: static; margin-bottom: .8rem; break-inside: avoid; break-after: avoid; }
  h2, h3 { break-after: avoid; }
  .figures { grid-template-columns: repeat(auto-fit, minmax(7.5rem, 1fr)); }
  tfoot { display: table-row-group; }
  figure, tr, li, .figures div { break-inside: avoid; }
  .search { display: none; }
  .scroll { overflow: visible; }
  .confusion, .confusion.fit { max-width: 100%; min-width: 0; height: auto; }
  details:not([open]) { display: none; }
}
`;
