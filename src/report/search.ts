import { html } from './markup.ts';

/** Filters the rows of the table of classes. It only hides rows, so the page is complete without it. */
export const SEARCH_SCRIPT = html`
const box = document.querySelector('.search');
const table = document.querySelector('.searched');
const rows = [...table.tBodies[0].rows].map((row) => ({ row, text: row.textContent.toLowerCase() }));
box.hidden = false;
box.querySelector('input').addEventListener('input', ({ target }) => {
  const wanted = target.value.trim().toLowerCase();
  let found = 0;
  for (const { row, text } of rows) {
    row.hidden = !text.includes(wanted);
    if (!row.hidden) found++;
  }
  if (wanted) table.closest('details').open = true;
  box.querySelector('output').textContent = wanted && found.toLocaleString('en-GB') + ' of ' + rows.length.toLocaleString('en-GB');
});
`;

/** The only script that the content security policy of such a page allows. A test compares it with the script. */
export const SEARCH_SHA256 = 'pJuCHZMkXn5USxa7u5P7EyBrERbev7NvvWZcvaXtXhs=';
