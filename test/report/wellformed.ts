/** A strict parser for the report's HTML and SVG, which finds unbalanced, unquoted and unescaped markup. */
export interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: (Element | string)[];
}

const VOID = new Set(['meta', 'img', 'br', 'input']);
const RAW = new Set(['style', 'script']);
const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" };

function decode(text: string): string {
  return text.replace(/&(#?\w*);?/g, (entity, name: string) => {
    if (!(name in ENTITIES)) throw new Error(`stray ${entity}`);
    return ENTITIES[name];
  });
}

/** The document's root. Throws at the first error. */
export function parse(html: string): Element {
  const root: Element = { name: '', attributes: {}, children: [] };
  const stack = [root];
  let rest = html.replace(/^<!doctype html>/, '');
  while (rest) {
    const top = stack[stack.length - 1];
    const text = /^[^<]+/.exec(rest)?.[0];
    if (text) {
      top.children.push(RAW.has(top.name) ? text : decode(text));
      rest = rest.slice(text.length);
      continue;
    }
    const tag = /^<(\/?)([a-z][\w-]*)((?:\s+[a-zA-Z][\w:-]*="[^"<]*")*)\s*(\/?)>/i.exec(rest);
    if (!tag) throw new Error(`no tag: ${rest.slice(0, 60)}`);
    rest = rest.slice(tag[0].length);
    const [, closing, name, list, selfClosing] = tag;
    if (closing) {
      if (top.name !== name) throw new Error(`</${name}> closes <${top.name}>`);
      stack.pop();
      continue;
    }
    const attributes: Record<string, string> = {};
    for (const [, key, value] of list.matchAll(/([\w:-]+)="([^"]*)"/g)) {
      if (key in attributes) throw new Error(`${key} twice in <${name}>`);
      attributes[key] = decode(value);
    }
    const element: Element = { name, attributes, children: [] };
    top.children.push(element);
    if (!selfClosing && !VOID.has(name)) stack.push(element);
  }
  if (stack.length > 1) throw new Error(`<${stack[stack.length - 1].name}> is not closed`);
  return root;
}

/** All elements below `element` that match `wanted`, in document order. */
export function find(element: Element, wanted: (element: Element) => boolean): Element[] {
  return element.children.flatMap((child) =>
    typeof child === 'string' ? [] : [...(wanted(child) ? [child] : []), ...find(child, wanted)],
  );
}

export const hasClass = (name: string) => (element: Element) =>
  (element.attributes.class ?? '').split(' ').includes(name);

export const text = (element: Element): string =>
  element.children.map((child) => (typeof child === 'string' ? child : text(child))).join('');
