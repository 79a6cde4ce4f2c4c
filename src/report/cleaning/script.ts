import { html } from '../markup.ts';

/** Shows the findings, keeps the decisions in the browser, and saves the new table. It sends nothing. */
export const REVIEW_SCRIPT = html`
const report = JSON.parse(document.querySelector('#data').textContent);
const { findings, table, classes } = report;
const list = document.querySelector('.findings');
const at = (id) => document.getElementById(id);
const KEPT = 'thaw-clean ' + report.key;

let decisions = {};
try { decisions = JSON.parse(localStorage.getItem(KEPT)) || {}; } catch { decisions = {}; }
const keep = () => { try { localStorage.setItem(KEPT, JSON.stringify(decisions)); } catch { /* Private windows keep nothing. */ } };

function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}
function look(index, alt) {
  const source = report.looks[index] || '';
  if (report.noun === 'text') return element('blockquote', { tabIndex: 0 }, source);
  if (source.startsWith('data:image/')) return element('img', { src: source, alt, decoding: 'async' });
  const frame = element('span', { className: 'frame' });
  frame.setAttribute('role', 'img');
  frame.setAttribute('aria-label', alt);
  return frame;
}
const place = (index) => report.answers[index] + (report.splits[index] ? ', in ' + report.splits[index] : '');
const proposal = (finding) => (finding.label === undefined ? null : classes[finding.label]);
const action = (label) => (label === null ? 'remove' : 'change to ' + label);

const items = findings.map((finding, i) => {
  const both = finding.other === undefined ? [finding.index] : [finding.index, finding.other];
  const accept = element('button', { type: 'button', onclick: () => decide(i, 'accept') });
  const reject = element('button', { type: 'button', onclick: () => decide(i, 'reject') }, 'Reject: keep');
  const actions = element('div', { className: 'actions' }, accept, reject);
  let choice;
  if (classes.length) {
    let names = [];
    choice = element('select', { onchange: () => choice.value && decide(i, 'accept', choice.value === '-' ? null : names[choice.value]) },
      element('option', { value: '' }, 'another …'));
    // Filled when it is used: a list of all classes for each finding would be millions of elements.
    const fill = () => {
      if (names.length) return;
      names = classes.filter((name) => name !== report.answers[finding.index]);
      choice.append(
        ...names.map((name, n) => element('option', { value: String(n) }, 'change to ' + name)),
        element('option', { value: '-' }, 'remove'));
    };
    for (const use of ['pointerdown', 'focus']) choice.addEventListener(use, fill);
    choice.setAttribute('aria-label', 'Another decision for ' + table.files[finding.index]);
    actions.append(choice);
  }
  const item = element('li', { className: 'finding', tabIndex: -1 },
    element('div', { className: 'looks' }, ...both.map((index) => look(index, place(index)))),
    element('div', {},
      element('p', { className: 'what' }, report.kinds[finding.kind][0]),
      element('p', {}, place(finding.index) + ': ' + finding.why),
      ...both.map((index) => element('p', { className: 'file' }, table.files[index])),
      actions));
  item.addEventListener('focusin', () => { current = i; });
  list.append(item);
  return { item, accept, reject, choice };
});
let current = -1;

function decide(i, decision, label = proposal(findings[i])) {
  decisions[i] = { decision, label: decision === 'accept' ? label : null };
  keep();
  show(i);
  progress();
}
function undo(i) {
  delete decisions[i];
  keep();
  show(i);
  progress();
}
function show(i) {
  const { item, accept, reject, choice } = items[i];
  const made = decisions[i];
  const label = made && made.decision === 'accept' ? made.label : proposal(findings[i]);
  accept.textContent = 'Accept: ' + action(label);
  accept.setAttribute('aria-pressed', String(Boolean(made) && made.decision === 'accept'));
  reject.setAttribute('aria-pressed', String(Boolean(made) && made.decision === 'reject'));
  item.classList.toggle('accept', Boolean(made) && made.decision === 'accept');
  item.classList.toggle('reject', Boolean(made) && made.decision === 'reject');
  if (choice) choice.value = '';
}
function progress() {
  const made = Object.values(decisions);
  const accepted = made.filter(({ decision }) => decision === 'accept').length;
  at('progress').textContent = made.length + ' of ' + findings.length + ' decided, ' + accepted + ' accepted';
}
const shown = () => findings.map((_, i) => i).filter((i) => !items[i].item.hidden);
function filter() {
  const kind = at('kind').value;
  for (const [i, { item }] of items.entries())
    item.hidden = Boolean(kind && findings[i].kind !== kind) || (at('open').checked && decisions[i] !== undefined);
}
function move(step) {
  const visible = shown();
  const after = step > 0 ? visible.find((i) => i > current) : visible.filter((i) => i < current).pop();
  if (after !== undefined) items[after].item.focus();
}

function save(name, type, text) {
  const link = element('a', { href: URL.createObjectURL(new Blob([text], { type })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}
const NEWLINE = String.fromCharCode(10);
const cell = (value) => (/[",]/.test(value) || value.includes(NEWLINE) || value.includes(String.fromCharCode(13)) ? '"' + value.replaceAll('"', '""') + '"' : value);
const csv = (rows) => rows.map((row) => row.map(cell).join(',') + NEWLINE).join('');
const named = () => Object.keys(decisions).map(Number).sort((a, b) => a - b).map((i) => ({
  kind: findings[i].kind,
  file: table.files[findings[i].index],
  decision: decisions[i].decision,
  label: decisions[i].label,
}));
function cleaned() {
  const changes = new Map();
  for (const { file, decision, label } of named())
    if (decision === 'accept' && (label === null || !changes.has(file))) changes.set(file, label);
  return table.rows.flatMap((row, i) => {
    const label = changes.get(table.files[i]);
    if (label === null) return [];
    return [row.map((value, column) => (column === table.labelColumn && label !== undefined ? label : value))];
  });
}

if (findings.length) {
  at('kind').addEventListener('change', filter);
  at('open').addEventListener('change', filter);
  at('all').addEventListener('click', () => { for (const i of shown()) if (!decisions[i]) decide(i, 'accept'); });
  at('table').addEventListener('click', () => save('cleaned.csv', 'text/csv', csv([table.columns, ...cleaned()])));
  at('json').addEventListener('click', () => save('decisions.json', 'application/json', JSON.stringify({ data: report.data, decisions: named() }, null, 1)));
  at('csv').addEventListener('click', () => save('decisions.csv', 'text/csv', csv([['kind', 'file', 'decision', 'label'], ...named().map(({ kind, file, decision, label }) => [kind, file, decision, label || ''])])));
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
    const key = event.key;
    if (key === 'j' || key === 'k') move(key === 'j' ? 1 : -1);
    else if (current < 0) return;
    else if (key === 'a' || key === 'r') {
      decide(current, key === 'a' ? 'accept' : 'reject');
      move(1);
    } else if (key === 'A') for (const i of shown()) { if (i <= current && !decisions[i]) decide(i, 'accept'); }
    else if (key === 'u') undo(current);
    else if (key === 'm' && items[current].choice) items[current].choice.focus();
    else return;
    event.preventDefault();
  });
  for (const i of findings.keys()) show(i);
  progress();
}
`;

/** The only script that the content security policy of the page allows. A test compares it with the script. */
export const REVIEW_SHA256 = '4k8XUMI1y3sboaAoOW1wRSUx9Jq+kTPDb9RBMvCzt9o=';
