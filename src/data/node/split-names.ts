export type SplitName = 'train' | 'val' | 'test';

/** The splits by their names in folders, files and tables. */
export const splitNames: ReadonlyMap<string, SplitName> = new Map(
  Object.entries<SplitName>({
    train: 'train',
    training: 'train',
    val: 'val',
    valid: 'val',
    validation: 'val',
    dev: 'val',
    test: 'test',
    testing: 'test',
  }),
);
