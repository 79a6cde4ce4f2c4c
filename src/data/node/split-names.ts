export type SplitName = 'train' | 'val' | 'test';

/** The splits by the names that folders, files and tables have for them. */
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
