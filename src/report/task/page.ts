import { thawChart } from '../charts/thaw.ts';
import { clients, rowOf } from '../federation/index.ts';
import { count, date, duration, measured, percent, plural } from '../format.ts';
import { type Html, html } from '../markup.ts';
import { pageOf } from '../page.ts';
import { samples } from '../sections/images.ts';
import { nextSteps, record } from '../sections/record.ts';
import { section } from '../sections/section.ts';
import { BRAND, figure, learnedFrom, WHY } from '../sections/summary.ts';
import { gallery, results } from './report-blocks.ts';
import { stageTable, training } from './training.ts';
import type { TaskReport } from './types.ts';
import { measuredOn, taskText } from './words.ts';

/** The head of the page: the task, the main scores, and the thaw chart. */
function summary(data: TaskReport): Html {
  const { model, plan, rows, metric, before, after, tested, data: images } = data;
  const trained = rows.length ? Math.max(...rows.map((row) => row.trainable)) : 0;
  const unmeasured = data.federation && !Number.isFinite(after);
  const share = model.parameters ? trained / model.parameters : 0;
  return html`<header class="top">
${BRAND}
<h1>${data.title}</h1>
<p class="lede">${model.name} learned ${taskText(data)} ${learnedFrom(data, plural(images.train, 'image'))} in ${duration(data.seconds)}. ${unmeasured ? 'No client has evaluated the last state.' : html`On ${measuredOn(data)}, its ${metric.title} is <strong>${measured(metric, after)}</strong>.`}</p>
<p class="date">${date(data.created)} · ${WHY[data.stopped]}</p>
<dl class="figures">
${!unmeasured && figure(`Validation ${metric.title}`, measured(metric, after), before === null ? '' : `${measured(metric, before)} before training`)}
${tested !== null && figure(`Test ${metric.title}`, measured(metric, tested), `on ${plural(images.test, 'image')}`)}
${figure('Trained', percent(share, share < 0.1 ? 1 : 0), `${count(trained)} of ${count(model.parameters)} parameters`)}
${figure('Time', duration(data.seconds), `${plural(rows.length, rowOf(data))} in ${plural(plan.length, 'stage')}`)}
</dl>
${rows.length > 0 && thawChart(data)}
</header>`;
}

function datasetSummary({ data: { path, train, val, test, problems }, federation }: TaskReport): Html {
  if (federation && !val) return html``;
  const splits = [`${count(train)} training`, `${count(val)} validation`, ...(test ? [`${count(test)} test`] : [])];
  return section(
    'data',
    'Data',
    '',
    html`<p>Read from <code>${path}</code>: ${splits.join(', ')} images.</p>
${
  problems.length > 0 &&
  html`<h3>${plural(problems.length, 'file')} skipped</h3>
<ul class="files">${problems.map(({ file, reason }) => html`<li><code>${file}</code> ${reason}</li>`)}</ul>`
}`,
  );
}

/** The report of a run of any task except classification, as one HTML page like that of `renderReport`. */
export const renderTaskReport = (data: TaskReport): string =>
  pageOf(
    data,
    html`${summary(data)}
${results('result', 'Validation', data.reportBlocks)}
${results('test', 'Test set', data.testExhibits)}
${clients(data)}
${training(data)}
${stageTable(data)}
${data.images.map(gallery)}
${samples(data)}
${datasetSummary(data)}
${nextSteps(data)}
${record(data)}`,
  ).text;
