import { escapeMarkup } from '../escape-markup.ts';

/**
 * Markup that is safe by construction: the `html` tag escapes every inserted value that is not markup. Nothing else in this folder creates
 * `Html`, so a class named `<script>` appears as text.
 */
export class Html {
  constructor(readonly text: string) {}
}

type Part = Html | string | number | null | undefined | false | readonly Part[];

function render(part: Part): string {
  if (part instanceof Html) return part.text;
  if (Array.isArray(part)) return part.map(render).join('');
  return part === null || part === undefined || part === false ? '' : escapeMarkup(String(part));
}

/** Template tag: escapes strings and numbers, joins arrays, and drops `null`, `undefined` and `false`. */
export function html(strings: TemplateStringsArray, ...parts: Part[]): Html {
  return new Html(strings.reduce((text, string, i) => text + render(parts[i - 1]) + string));
}

const IMAGE = /^data:image\/(?:png|jpeg|webp|gif|avif);base64,[A-Za-z0-9+/]+={0,2}$/;

/** An image, or an empty frame if `source` is not an embedded bitmap. */
export const image = (source: string, alt: string): Html =>
  IMAGE.test(source)
    ? html`<img src="${source}" alt="${alt}">`
    : html`<span class="frame" role="img" aria-label="${alt}"></span>`;

/** A link if `target` is a web address or a relative path; otherwise plain text (for example, for `javascript:`). */
export const link = (target: string | undefined, text: string): Html =>
  target && (/^https?:\/\//i.test(target) || /^(?!\/\/)[^:\\]+$/.test(target))
    ? html`<a href="${target}">${text}</a>`
    : html`${text}`;

/** Data for the page's script, which reads the text of the element. It is not executed. */
export const dataBlock = (id: string, value: unknown): Html =>
  new Html(
    `<script type="application/json" id="${escapeMarkup(id)}">${JSON.stringify(value).replaceAll('<', '\\u003c')}</script>`,
  );
