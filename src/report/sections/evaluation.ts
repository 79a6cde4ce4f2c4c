import { confusedPairs } from '../../tasks/metrics/index.ts';
import { blocksPlot, confusionMatrix, MOST_CLASSES, scrolling } from '../charts/confusion.ts';
import { count, percent, plural, score } from '../format.ts';
import { type Html, html } from '../markup.ts';
import type { ReportData } from '../types.ts';
import { bar, folded, section } from './section.ts';

/** Number of table rows that are visible without unfolding. */
const SHOWN = 12;

const NOTE = 'Rows are true classes, columns are predictions. Cells are shaded by their share of the row.';

export function confusion({ data: { classes }, after }: ReportData): Html {
  const many = classes.length > MOST_CLASSES;
  const pairs = confusedPairs(after.confusion).slice(0, many ? 10 : 5);
  const blocks = blocksPlot(classes, after.confusion);
  return section(
    'confusion',
    'Confusion',
    many
      ? `${NOTE} The matrix has the most confused of the ${count(classes.length)} classes, similar ones next to each other.`
      : NOTE,
    html`<div class="beside">${confusionMatrix(classes, after.confusion)}
${
  pairs.length > 0 &&
  html`<div><h3>Most often confused</h3><ul class="pairs">${pairs.map(({ truth, predicted, times, share }) => html`<li><b>${classes[truth]}</b> predicted as <b>${classes[predicted]}</b>: ${count(times)} (${percent(share)} of them)</li>`)}</ul></div>`
}</div>
${
  blocks &&
  folded(
    'Mistakes between blocks of classes',
    html`<p>Each row and column is a block of consecutive classes, named after its first one. Correct predictions do not count. Cells are shaded by their number.</p>${scrolling(blocks)}`,
  )
}`,
  );
}

/** Whether the report has a search for classes. */
export const isSearched = ({ data: { classes } }: Pick<ReportData, 'data'>): boolean => classes.length > MOST_CLASSES;

/** Precision, recall and F1 of each class, weakest first. Many classes have a search. */
export function classTable(data: ReportData): Html {
  const { after } = data;
  const rows = [...after.perClass].sort((a, b) => (a.f1 || 0) - (b.f1 || 0));
  const table = (part: typeof rows): Html => html`<div class="scroll" tabindex="0"><table>
<thead><tr><th scope="col">Class</th><th scope="col" class="number">Precision</th><th scope="col" class="number">Recall</th><th scope="col" class="number">F1</th><th scope="col" class="number">ROC AUC</th><th scope="col" class="number">PR AUC</th><th scope="col" class="wide"><span class="unseen">F1 as a bar</span></th><th scope="col" class="number">Images</th></tr></thead>
<tbody>${part.map(
    ({ label, precision, recall, f1, rocAuc, averagePrecision, support }) =>
      html`<tr><th scope="row">${label}</th><td class="number">${percent(precision)}</td><td class="number">${percent(recall)}</td><td class="number">${score(f1)}</td><td class="number">${rocAuc === null ? '–' : score(rocAuc)}</td><td class="number">${averagePrecision === null ? '–' : score(averagePrecision)}</td><td class="wide">${bar(f1, 'warm')}</td><td class="number">${count(support)}</td></tr>`,
  )}</tbody></table></div>`;
  return section(
    'classes',
    'Classes',
    'Weakest first. Precision: fraction of predictions of the class that are correct. Recall: fraction of the class that was found.',
    html`${table(rows.slice(0, SHOWN))}
${
  isSearched(data)
    ? everyClass(data)
    : rows.length > SHOWN &&
      folded(`${plural(rows.length - SHOWN, 'more class', 'more classes')}`, table(rows.slice(SHOWN)))
}`,
  );
}

/** Classes to show that one was mistaken for. */
const MISTAKEN = 3;

/** All classes in their order, in a table with a search. Its rows are short: there can be thousands. */
function everyClass({ data: { counts }, after }: ReportData): Html {
  const mistaken = after.perClass.map((): string[] => []);
  for (const { truth, predicted, times } of confusedPairs(after.confusion))
    if (mistaken[truth].length < MISTAKEN) mistaken[truth].push(`${after.perClass[predicted].label} (${count(times)})`);
  return html`<div class="search" hidden=""><label for="class-search">Find a class</label> <input id="class-search" type="search" autocomplete="off"> <output for="class-search"></output></div>
${folded(
  `All ${plural(after.perClass.length, 'class', 'classes')}`,
  html`<div class="scroll" tabindex="0"><table class="small searched">
<thead><tr><th scope="col">Class</th><th scope="col">Precision</th><th scope="col">Recall</th><th scope="col">F1</th><th scope="col">Training</th><th scope="col">Validation</th><th scope="col">Predicted as</th></tr></thead>
<tbody>${after.perClass.map(
    ({ label, precision, recall, f1, support }, c) =>
      html`<tr><th scope="row">${label}</th><td>${percent(precision)}</td><td>${percent(recall)}</td><td>${score(f1)}</td><td>${count(counts.train[c] ?? 0)}</td><td>${count(support)}</td><td>${mistaken[c].join(', ')}</td></tr>\n`,
  )}</tbody></table></div>`,
)}`;
}
