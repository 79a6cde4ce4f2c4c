/** Reads Iconify's icon sets (https://iconify.design/docs/types/iconify-json.html) and makes SVG of their icons. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { ThawError } from '../../src/errors.ts';

interface Frame {
  readonly left?: number;
  readonly top?: number;
  readonly width?: number;
  readonly height?: number;
}

interface Transform {
  /** Quarter turns, clockwise. */
  readonly rotate?: number;
  readonly hFlip?: boolean;
  readonly vFlip?: boolean;
}

interface IconifyJSON extends Frame {
  readonly icons: Readonly<Record<string, Frame & Transform & { readonly body: string; readonly hidden?: boolean }>>;
  readonly aliases?: Readonly<
    Record<string, Frame & Transform & { readonly parent: string; readonly hidden?: boolean }>
  >;
}

/** One drawing: SVG content in a view box, with `currentColor` for the ink. */
export interface Icon {
  readonly name: string;
  readonly set: string;
  /** Other names that the set has for the same drawing. */
  readonly aliases: readonly string[];
  readonly body: string;
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/**
 * The drawings of `@iconify-json/<set>`, in the set's order, without those it hides as outdated. An alias that turns or mirrors
 * its parent is a drawing of its own; one that only renames is listed in `aliases`.
 * @param from URL of the module whose `node_modules` hold the package
 */
export function readIconSet(set: string, from: string): Icon[] {
  let path: string;
  try {
    path = createRequire(from).resolve(`@iconify-json/${set}/icons.json`);
  } catch {
    throw new ThawError('not-found', `The icon set @iconify-json/${set} is not installed`, 'Run `npm ci` first');
  }
  const json: IconifyJSON = JSON.parse(readFileSync(path, 'utf8'));
  return iconsOf(set, json);
}

/** The drawings of a set that was read already. */
export function iconsOf(set: string, json: IconifyJSON): Icon[] {
  const renamed = new Map<string, string[]>();
  const drawn: [string, Transform & Frame & { body: string }][] = [];
  for (const [name, icon] of Object.entries(json.icons)) if (!icon.hidden) drawn.push([name, icon]);
  for (const [name, alias] of Object.entries(json.aliases ?? {})) {
    if (alias.hidden) continue;
    const { root, transform } = resolve(json, name);
    const turned = transform.rotate! % 4 !== 0 || transform.hFlip || transform.vFlip;
    if (turned) drawn.push([name, { ...json.icons[root], ...transform }]);
    else renamed.set(root, [...(renamed.get(root) ?? []), name]);
  }
  return drawn.map(([name, icon]) => {
    const frame = {
      left: icon.left ?? json.left ?? 0,
      top: icon.top ?? json.top ?? 0,
      width: icon.width ?? json.width ?? 16,
      height: icon.height ?? json.height ?? 16,
    };
    return { name, set, aliases: renamed.get(name) ?? [], ...frame, body: turn(icon.body, icon, frame) };
  });
}

/** Follows aliases to the icon that is drawn, and adds up their turns. */
function resolve(json: IconifyJSON, name: string): { root: string; transform: Transform } {
  const alias = json.aliases?.[name];
  if (!alias) {
    const { rotate = 0, hFlip = false, vFlip = false } = json.icons[name];
    return { root: name, transform: { rotate, hFlip, vFlip } };
  }
  const { root, transform } = resolve(json, alias.parent);
  return {
    root,
    transform: {
      rotate: transform.rotate! + (alias.rotate ?? 0),
      hFlip: transform.hFlip !== (alias.hFlip ?? false),
      vFlip: transform.vFlip !== (alias.vFlip ?? false),
    },
  };
}

/** Mirrored and turned about the middle of a (square) view box; mirrored first, as Iconify does. */
function turn(
  body: string,
  { rotate = 0, hFlip, vFlip }: Transform,
  { left, top, width, height }: Required<Frame>,
): string {
  if (rotate % 4 === 0 && !hFlip && !vFlip) return body;
  const [x, y] = [left + width / 2, top + height / 2];
  const scale = `scale(${hFlip ? -1 : 1} ${vFlip ? -1 : 1})`;
  return `<g transform="translate(${x} ${y}) rotate(${90 * rotate}) ${scale} translate(${-x} ${-y})">${body}</g>`;
}

/**
 * An SVG document of `size` x `size` pixels with the icon in it, proportions kept.
 * @param options.ink CSS colour; `paper` fills the background (none: transparent); `scale` is the part of the side that the icon
 *   takes, `rotation` in degrees
 */
export function svgOf(
  icon: Icon,
  size: number,
  {
    ink = '#000',
    paper,
    scale = 1,
    rotation = 0,
  }: { ink?: string; paper?: string; scale?: number; rotation?: number } = {},
): string {
  const side = size * scale;
  const offset = (size - side) / 2;
  const background = paper ? `<rect width="${size}" height="${size}" fill="${paper}"/>` : '';
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="${size}" height="${size}">` +
    `${background}<g transform="rotate(${rotation} ${size / 2} ${size / 2})"><svg x="${offset}" y="${offset}" width="${side}" height="${side}" ` +
    `viewBox="${icon.left} ${icon.top} ${icon.width} ${icon.height}" color="${ink}">${icon.body}</svg></g></svg>`
  );
}
