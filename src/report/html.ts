import { type Html, html } from './markup.ts';
import { classTable, confusion } from './sections/evaluation.ts';
import { mistakes, samples } from './sections/pictures.ts';
import { calibration, curves } from './sections/probabilities.ts';
import { dataMakeUp, nextSteps, record } from './sections/record.ts';
import { beforeAndAfter, comparison, summary } from './sections/summary.ts';
import { stageTable, training } from './sections/training.ts';
import { STYLE } from './style.ts';
import type { ReportData } from './types.ts';

const page = (data: ReportData): Html => html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="Thaw ${data.environment.thaw}">
<title>${data.title} · Thaw</title>
<style>${STYLE}</style>
</head>
<body>
<main>
${summary(data)}
${beforeAndAfter(data)}
${comparison(data)}
${training(data)}
${stageTable(data)}
${confusion(data)}
${classTable(data)}
${curves(data)}
${calibration(data)}
${mistakes(data)}
${samples(data)}
${dataMakeUp(data)}
${nextSteps(data)}
${record(data)}
</main>
<footer><p>Made by Thaw ${data.environment.thaw}. This page is one file: it loads nothing and runs no script.</p></footer>
</body>
</html>
`;

/**
 * The report of a run as one HTML page that stands alone: pictures and style are inside, charts are inline SVG, and there is
 * no script, which its own content security policy also forbids. Every string of `data` is escaped.
 */
export const renderReport = (data: ReportData): string => page(data).text;
