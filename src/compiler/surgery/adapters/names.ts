/** The initializers of an adapter. */
export const adapterNames = (weight: string) => ({ a: `${weight}.lora_A`, b: `${weight}.lora_B` });
