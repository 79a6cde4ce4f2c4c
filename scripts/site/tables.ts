import type { MarkdownRenderer } from 'vitepress';

/** A plugin of markdown-it: empty cells of a table's first row are no headers, which screen readers would announce. */
export function emptyHeadersAsCells(md: MarkdownRenderer): void {
  md.core.ruler.push('empty-headers-as-cells', ({ tokens }) => {
    tokens.forEach((token, i) => {
      if (token.type !== 'th_open' || tokens[i + 1]?.content.trim()) return;
      for (const part of [token, tokens[i + 2]!]) part.tag = 'td';
    });
  });
}
