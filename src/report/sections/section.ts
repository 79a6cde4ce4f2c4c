import { type Html, html } from '../markup.ts';

/** A section of the page: heading in the margin, with the content next to it. */
export const section = (id: string, heading: string, note: string, content: Html): Html => html`
<section id="${id}" aria-labelledby="${id}-heading">
<header><h2 id="${id}-heading">${heading}</h2>${note && html`<p>${note}</p>`}</header>
<div>${content}</div>
</section>
`;

/** A thin bar, filled by `share`. */
export const bar = (share: number, look = ''): Html => {
  const width = Number.isFinite(share) ? (100 * Math.min(1, Math.max(0, share))).toFixed(2) : '0';
  return html`<svg class="bar ${look}" width="100%" height="6" aria-hidden="true"><rect class="rest" width="100%" height="6" rx="3"/><rect class="part" width="${width}%" height="6" rx="3"/></svg>`;
};

/** Content that is folded away, such as the rest of a long table. */
export const folded = (summary: string, content: Html): Html =>
  html`<details><summary>${summary}</summary>${content}</details>`;
