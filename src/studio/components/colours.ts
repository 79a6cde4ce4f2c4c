/** Hues of the first classes, from the water's blue on: neighbours are far from each other, and none looks like another. */
const HUES = [240, 25, 145, 305, 75, 190, 350, 110] as const;

/** Further classes have their hues between those. */
export const tintOf = (index: number): Record<string, string> => {
  const round = Math.floor(index / HUES.length);
  return { '--hue': String((HUES[index % HUES.length] + 17 * round) % 360) };
};
