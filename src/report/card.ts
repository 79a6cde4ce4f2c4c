export interface ShippedModel {
  readonly license?: string;
}
export const modelCard = (): string => '';
