import { clients } from './federation/index.ts';
import { type Html, html } from './markup.ts';
import { pageOf } from './page.ts';
import { classTable, confusion, isSearched } from './sections/evaluation.ts';
import { mistakes, samples } from './sections/images.ts';
import { calibration, curves, unknown } from './sections/probabilities.ts';
import { datasetSummary, nextSteps, record } from './sections/record.ts';
import { beforeAndAfter, comparison, summary } from './sections/summary.ts';
import { stageTable, training } from './sections/training.ts';
import type { ReportData } from './types.ts';

const page = (data: ReportData): Html =>
  pageOf(
    data,
    html`${summary(data)}
${beforeAndAfter(data)}
${comparison(data)}
${clients(data)}
${training(data)}
${stageTable(data)}
${confusion(data)}
${classTable(data)}
${curves(data)}
${calibration(data)}
${unknown(data)}
${mistakes(data)}
${samples(data)}
${datasetSummary(data)}
${nextSteps(data)}
${record(data)}`,
    { searched: isSearched(data) },
  );

/**
 * The report of a run as one self-contained HTML page: images and style are embedded, charts are inline SVG. Its content security policy
 * forbids scripts, except the search of a report with many classes, by its digest. All strings of `data` are escaped.
 */
export const renderReport = (data: ReportData): string => page(data).text;
