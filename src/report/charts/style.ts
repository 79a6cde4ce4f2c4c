import { html } from '../markup.ts';

/** Style of curves and of the confusion matrix. Colours come from the page: `--paper`, `--ink`, `--water`, `--warm`, … */
export const CHART_STYLE = html`.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 21rem), 1fr)); gap: 2.4rem 2.4rem; }
.plotted { display: flex; }
.plotted .plot:not(.axis) { flex: 1; min-width: 0; }
.plot { display: block; overflow: visible; }
.plot.axis { flex: none; }
.plot text { font-size: 12px; fill: var(--soft); font-variant-numeric: tabular-nums; }
.plot .tick, .plot .gone { paint-order: stroke; stroke: var(--paper); stroke-width: 3px; stroke-linejoin: round; }
.plot .middle { text-anchor: middle; stroke: none; }
.plot .decision { fill: var(--paper); stroke: var(--ink); stroke-width: 1.5; }
.plot .stage { fill: var(--ink); font-weight: 560; }
.plot .band { fill-opacity: .11; }
.plot .grid { stroke: var(--line); }
.curve { fill: none; stroke-width: 2; vector-effect: non-scaling-stroke; stroke-linejoin: round; stroke-linecap: round; stroke: currentColor; }
.plot circle { fill: currentColor; }
.train, .rate-low { color: var(--water); }
.val, .rate { color: var(--warm); }
.amount { color: var(--amount); }
.curve.val, .curve.rate { stroke-width: 2.5; }
.curve.train, .curve.rate-low { stroke-dasharray: 5 4; }
.plot circle.best { fill: var(--paper); stroke: currentColor; stroke-width: 2.5; }
.plot text.gone { fill: currentColor; text-anchor: middle; font-size: 16px; font-weight: 700; }
.legend { display: flex; flex-wrap: wrap; gap: 0 1rem; }
.legend > span { color: var(--soft); }
.legend i { display: inline-block; width: 1.1rem; height: 0; border-top: 2.5px solid var(--warm); margin-right: .35rem; vertical-align: .25em; }
.legend .train i, .legend .rate-low i { border-top: 2px dashed var(--water); }
.legend .amount i { border-color: var(--amount); }
.legend :is(.c0, .c1, .c2, .c3, .c4, .mean, .faint) i { border-color: currentColor; }
.legend .c1 i { border-top-style: dashed; } .legend :is(.c2, .c3, .c4) i { border-top-style: dotted; }
.catch { fill: transparent; }
.reading { opacity: 0; pointer-events: none; transition: opacity .1s; }
.epoch:hover .reading { opacity: 1; }
.reading line { stroke: var(--soft); stroke-dasharray: 2 3; }
.reading .paper { fill: var(--raised); stroke: var(--line); }
.plot .reading text { fill: var(--ink); }
.plot .end { text-anchor: end; }
.timeline { margin-bottom: 1.2rem; }
.plane { display: block; max-width: 100%; height: auto; }
.plane text { font-size: 12px; fill: var(--soft); }
.plane .end { text-anchor: end; }
.plane .middle { text-anchor: middle; }
.plane .axis { fill: var(--ink); }
.plane .grid { stroke: var(--line); }
.plane .even { stroke: var(--soft); stroke-dasharray: 2 4; }
.plane .curve { stroke-width: 2; }
.curve.mean, .plot .mean, .legend .mean i { color: var(--ink); }
.curve.mean { stroke-width: 3; }
.curve.faint, .plot .faint, .legend .faint i { color: var(--soft); }
.curve.faint { stroke-width: 1; }
.curve.c0, .plot .c0, .legend .c0 i { color: #cf5420; }
.curve.c1, .plot .c1, .legend .c1 i { color: #2a86bd; }
.curve.c1 { stroke-dasharray: 7 3; }
.curve.c2, .plot .c2, .legend .c2 i { color: #4f9440; }
.curve.c2 { stroke-dasharray: 3 3; }
.curve.c3, .plot .c3, .legend .c3 i { color: #9564bd; }
.curve.c3 { stroke-dasharray: 9 3 2 3; }
.curve.c4, .plot .c4, .legend .c4 i { color: #ab841a; }
.curve.c4 { stroke-dasharray: 1 3; }
.bin rect { fill-opacity: .55; }
.bin.cold rect { fill: var(--cold-fill); }
.bin.warm rect { fill: var(--warm-fill); }
.bin line { stroke: var(--ink); }
.bin circle { fill: var(--ink); }

.confusion { display: block; }
.confusion.fit { max-width: 100%; min-width: 40rem; height: auto; }
.confusion text { fill: var(--ink); }
.confusion .axis { fill: var(--soft); font-size: 12px; }
.confusion .end { text-anchor: end; }
.confusion .middle, .confusion g text { text-anchor: middle; }
.confusion g text.on { fill: #fff; font-weight: 600; }
.confusion .ground { fill: var(--faint); }
.confusion .right rect { fill: #1f78ad; }
.confusion .wrong rect { fill: #cf5420; }
.confusion .rest rect { fill: var(--soft); }`;
