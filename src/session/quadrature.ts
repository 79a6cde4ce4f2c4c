/** Gauss-Legendre nodes and weights on 0 to 1: the sum of weightᵢ·f(nodeᵢ) is the integral of any polynomial f below degree 2n. */
export function gaussLegendre(n: number): { readonly nodes: readonly number[]; readonly weights: readonly number[] } {
  const found = Array.from({ length: n }, (_, i) => legendreRoot(n, i));
  return {
    nodes: found.map(({ x }) => (1 - x) / 2),
    weights: found.map(({ x, slope }) => 1 / ((1 - x * x) * slope * slope)),
  };
}

/** Newton's steps until nothing changes: a handful. */
const MOST_STEPS = 100;

/** The i-th largest root of the Legendre polynomial of degree n, and the polynomial's slope there. */
function legendreRoot(n: number, i: number): { x: number; slope: number } {
  let x = Math.cos((Math.PI * (i + 0.75)) / (n + 0.5));
  let slope = 0;
  for (let step = 0; step < MOST_STEPS; step++) {
    let [before, value] = [1, x];
    for (let k = 2; k <= n; k++) [before, value] = [value, ((2 * k - 1) * x * value - (k - 1) * before) / k];
    slope = (n * (x * value - before)) / (x * x - 1);
    const change = value / slope;
    x -= change;
    if (Math.abs(change) < 1e-15) break;
  }
  return { x, slope };
}
