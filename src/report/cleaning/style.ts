import { html } from '../markup.ts';

export const REVIEW_STYLE = html`
.kinds { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 15rem), 1fr)); gap: .9rem 2rem; margin: 1.6rem 0; }
.kinds dt { font-weight: 560; }
.kinds dd { margin: 0; }
.kinds b { color: var(--warm); font-variant-numeric: tabular-nums; }
.kinds span { color: var(--soft); font-size: .88rem; }
.toolbar { position: sticky; top: 0; z-index: 1; display: flex; flex-wrap: wrap; gap: .5rem .9rem; align-items: center; padding: .7rem 0; background: var(--paper); border-bottom: 1px solid var(--line); font-size: .92rem; }
.toolbar .saves { display: flex; flex-wrap: wrap; gap: .4rem; margin-left: auto; }
.toolbar details { flex-basis: 100%; margin: 0; }
.toolbar output { color: var(--soft); font-variant-numeric: tabular-nums; }
kbd { font: .86em ui-monospace, Menlo, Consolas, monospace; border: 1px solid var(--soft); border-radius: 4px; padding: 0 .3em; margin-left: .5rem; }
button, select { font: inherit; font-size: .9rem; color: var(--ink); background: var(--raised); border: 1px solid var(--soft); border-radius: 6px; padding: .3rem .7rem; cursor: pointer; max-width: 100%; }
button.main { border-color: var(--water); color: var(--water); font-weight: 560; }
button[aria-pressed=true] { background: var(--ink); border-color: var(--ink); color: var(--paper); }
:focus-visible { outline: 2px solid var(--water); outline-offset: 2px; }
.findings { list-style: none; margin: 1rem 0 3rem; padding: 0; }
.finding { display: grid; grid-template-columns: auto minmax(0, 1fr); gap: .4rem 1.2rem; padding: .9rem .8rem; border-bottom: 1px solid var(--line); border-left: 3px solid transparent; scroll-margin: 9rem 0 2rem; content-visibility: auto; contain-intrinsic-size: auto 11rem; }
.finding:focus { background: var(--faint); border-left-color: var(--water); outline: none; }
.finding[hidden] { display: none; }
.finding.accept .what { color: var(--warm); }
.finding.reject .what { color: var(--soft); }
.looks { display: flex; gap: .4rem; align-items: flex-start; }
.looks img, .looks .frame { width: 9rem; height: 9rem; object-fit: contain; background: var(--ice); border-radius: 5px; }
.looks blockquote { margin: 0; width: 15rem; max-height: 9rem; overflow: auto; font-size: .86rem; overflow-wrap: anywhere; }
.finding .what { font-weight: 600; margin: 0; }
.finding p { margin: .15rem 0; overflow-wrap: anywhere; }
.finding .file { color: var(--soft); font-size: .86rem; }
.actions { display: flex; flex-wrap: wrap; gap: .4rem; margin-top: .5rem; align-items: center; }
@media (max-width: 40rem) {
  .toolbar { position: static; }
  .toolbar .saves { margin-left: 0; }
  .finding { grid-template-columns: minmax(0, 1fr); }
  .looks img, .looks .frame { width: min(9rem, 40vw); height: min(9rem, 40vw); }
}
@media print { .toolbar, .actions { display: none; } }
`;
