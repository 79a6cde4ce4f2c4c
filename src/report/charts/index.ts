/** Charts as SVG without scripts, for the report and for pages that show a training live. */
export { stageColour, warmth } from './colour.ts';
export { confusionMatrix } from './confusion.ts';
export { type Band, type LineChart, lineChart, type Series } from './line.ts';
export { linearScale, logScale, type Scale } from './scale.ts';
export { CHART_STYLE } from './style.ts';
export { thawChart } from './thaw.ts';
