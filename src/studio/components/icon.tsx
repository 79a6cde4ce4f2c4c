/** Lines on a grid of 24, in the colour of the text. */
const PATHS = {
  camera: 'M4 8h3l2-3h6l2 3h3v11H4zM12 16.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7',
  pen: 'M4 20l1.2-4.5L16.5 4.2a1.8 1.8 0 0 1 2.6 0l.7.7a1.8 1.8 0 0 1 0 2.6L8.5 18.8zM14.5 6.2l3.3 3.3',
  file: 'M4 18V6.5A1.5 1.5 0 0 1 5.5 5h13A1.5 1.5 0 0 1 20 6.5v11a1.5 1.5 0 0 1-1.5 1.5h-13A1.5 1.5 0 0 1 4 17.5M4 16l4.5-4.5 4 4L15 13l5 4.5M15 9.2h.01',
  folder: 'M3.5 18.5v-13h6l2 2.5h9v10.5z',
  plus: 'M12 5v14M5 12h14',
  close: 'M6 6l12 12M18 6L6 18',
  undo: 'M8 5L4 9l4 4M4 9h10a5.5 5.5 0 0 1 0 11h-4',
  play: 'M7 4.5v15l12-7.5z',
  pause: 'M8 5v14M16 5v14',
  stop: 'M6.5 6.5h11v11h-11z',
  download: 'M12 4v11M7.5 11l4.5 4.5 4.5-4.5M5 20h14',
  check: 'M5 12.5l4.5 4.5L19 7',
  warning: 'M12 4L2.8 19.5h18.4zM12 10v4.5M12 17.2h.01',
  turn: 'M5 12a7 7 0 0 1 12-4.9L19.5 9M19.5 4.5V9H15M19 12a7 7 0 0 1-12 4.9L4.5 15M4.5 19.5V15H9',
  spark: 'M12 3l1.9 6.1L20 11l-6.1 1.9L12 19l-1.9-6.1L4 11l6.1-1.9zM19 16v4M17 18h4',
  bin: 'M5 7h14M10 7V4.5h4V7M7 7l.8 12.5h8.4L17 7M10.3 10.5v5.5M13.7 10.5v5.5',
  phone: 'M7.5 3h9v18h-9zM11 18h2',
  copy: 'M9 9h10v11H9zM15 9V5H5v10h4',
} as const;

export type IconName = keyof typeof PATHS;

export const Icon = ({ name }: { readonly name: IconName }) => (
  <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
    <path d={PATHS[name]} />
  </svg>
);
