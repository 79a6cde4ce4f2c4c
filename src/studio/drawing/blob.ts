import { blobOf } from '../files/images.ts';
import { drawStrokes, SIDE, type Stroke } from './strokes.ts';

/** A drawing as an image, `SIDE` pixels wide and high. */
export async function drawingBlob(strokes: readonly Stroke[], paper?: string): Promise<Blob> {
  const canvas = document.createElement('canvas');
  canvas.width = SIDE;
  canvas.height = SIDE;
  drawStrokes(canvas.getContext('2d')!, strokes, paper);
  return blobOf(canvas);
}
