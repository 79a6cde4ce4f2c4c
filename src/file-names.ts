/** Names that are a file's or a folder's on every system. Windows refuses the most. */

/** Windows takes these for devices, whatever follows a dot, and with spaces before it; also the superscripts ¹, ² and ³ as digits. */
const DEVICE = /^(con|prn|aux|nul|com[\d¹²³]|lpt[\d¹²³]|conin\$|conout\$) *(\.|$)/i;

// biome-ignore lint/suspicious/noControlCharactersInRegex: Windows refuses them in names
const RESERVED = /[<>:"/\\|?*\u0000-\u001f]/;

/**
 * Why no system, or not every system, takes a name of a file or folder; undefined for a name that all take.
 *
 * @param name of one part of a path
 */
export function fileNameProblem(name: string): string | undefined {
  if (/^\.*$/.test(name)) return name ? 'it leads to another folder' : 'it is empty';
  const reserved = RESERVED.exec(name)?.[0];
  if (reserved) return `${JSON.stringify(reserved)} may not be in a name`;
  if (/[. ]$/.test(name)) return 'Windows drops a dot or a space at the end';
  if (DEVICE.test(name)) return 'it is the name of a device on Windows';
  return undefined;
}

/** The name of a file or folder that is closest to a text: unchanged if every system takes it. @returns `''` if nothing is left */
export function fileNameOf(text: string): string {
  const name = text.replace(new RegExp(RESERVED, 'g'), '-').replace(/[. ]+$/, '');
  if (/^\.*$/.test(name)) return '';
  return DEVICE.test(name) ? `_${name}` : name;
}
