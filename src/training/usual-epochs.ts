/** How often a plan shows the images of a class, on average; docs/defaults.md has the experiments. */
const SHOWN = 300;
const LIMITS = { least: 10, most: 30 };

/** Epochs of a plan that does not say how many: ten, or more if ten would show few images of each class. */
export const usualEpochs = (samples: number, classes: number): number =>
  Math.min(Math.max(Math.ceil((SHOWN * classes) / Math.max(1, samples)), LIMITS.least), LIMITS.most);
