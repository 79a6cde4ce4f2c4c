/** The colours of pages: ice, water and warm tones on light paper. */
export const LIGHT = {
  ...{ paper: '#fbfcfd', raised: '#ffffff', ink: '#12242f', soft: '#51656f', line: '#dce6eb', faint: '#eef4f7' },
  ...{ ice: '#d9ecf5', 'ice-top': '#e3f1f8', water: '#1f78ad', warm: '#c9501f', 'warm-fill': '#e0693a' },
  ...{ 'cold-fill': '#7db9d8', amount: '#4d6a78' },
} as const;

export type ColourName = keyof typeof LIGHT;

export const DARK: Readonly<Record<ColourName, string>> = {
  ...{ paper: '#0d161c', raised: '#132029', ink: '#e8f0f4', soft: '#9db1bc', line: '#243641', faint: '#15232c' },
  ...{ ice: '#1c3645', 'ice-top': '#11242f', water: '#63b7e6', warm: '#f58d5c', 'warm-fill': '#ee7d4b' },
  ...{ 'cold-fill': '#3f86ab', amount: '#a9bfcb' },
};

/** Saves ink in print. */
export const PRINTED: Readonly<Record<ColourName, string>> = {
  ...LIGHT,
  ...{ paper: '#fff', raised: '#fff', ink: '#000', soft: '#444', line: '#ccc', faint: '#f1f5f7', 'ice-top': '#fff' },
};

/** As CSS custom properties. */
export const colourProperties = (colours: Readonly<Record<ColourName, string>>): string =>
  Object.entries(colours)
    .map(([name, colour]) => `--${name}: ${colour};`)
    .join(' ');
