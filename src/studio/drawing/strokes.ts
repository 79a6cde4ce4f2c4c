/** Drawings: strokes of ink on paper. Everything is a part of the paper's side, so that a drawing has any size. */

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Stroke {
  readonly points: readonly Point[];
  /** Part of the paper's side. */
  readonly width: number;
  readonly colour: string;
}

export const PAPER = '#ffffff';

/** Pixels of a drawing's side as an image: models look at 80 to 384. */
export const SIDE = 320;

/** Draws on paper that fills the context's canvas. */
export function drawStrokes(context: CanvasRenderingContext2D, strokes: readonly Stroke[], paper = PAPER): void {
  const { width: side, height } = context.canvas;
  context.fillStyle = paper;
  context.fillRect(0, 0, side, height);
  context.lineCap = 'round';
  context.lineJoin = 'round';
  for (const stroke of strokes) drawStroke(context, stroke, side);
}

/** Through the middles of neighbouring points, bent by the points: a hand is seen as a curve. */
export function drawStroke(context: CanvasRenderingContext2D, { points, width, colour }: Stroke, side: number): void {
  const [first] = points;
  if (!first) return;
  context.strokeStyle = colour;
  context.lineWidth = width * side;
  context.beginPath();
  context.moveTo(first.x * side, first.y * side);
  for (let i = 1; i < points.length - 1; i++) {
    const [point, next] = [points[i], points[i + 1]];
    context.quadraticCurveTo(
      point.x * side,
      point.y * side,
      ((point.x + next.x) / 2) * side,
      ((point.y + next.y) / 2) * side,
    );
  }
  // A point alone is a dot.
  const last = points[points.length - 1];
  context.lineTo(last.x * side, last.y * side);
  context.stroke();
}
