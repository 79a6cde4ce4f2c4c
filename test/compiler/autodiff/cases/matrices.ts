import { float } from '../../../../src/onnx/index.ts';
import { exactly, f32 } from '../inputs.ts';
import type { Row } from '../row.ts';

export const matrices: readonly Row[] = [
  ['MatMul', {}, [f32('batch', 3), f32(3, 4)]],
  ['MatMul', {}, [f32('batch', 2, 3), f32(3, 4)]],
  ['MatMul', {}, [f32('batch', 5, 2, 3), f32(3, 2)]],
  ['MatMul', {}, [f32('batch', 2, 3), f32('batch', 3, 2)]],
  ['MatMul', {}, [f32('batch', 1, 2, 3), f32(4, 3, 2)]],
  ['MatMul', {}, [f32(3, 4), f32('batch', 4, 2)]],
  ['MatMul', {}, [f32(3), f32(3, 4)]],
  ['MatMul', {}, [f32(3), f32('batch', 3, 4)]],
  ['MatMul', {}, [f32('batch', 3), f32(3)]],
  ['MatMul', {}, [f32('batch', 2, 3), f32(3)]],
  ['MatMul', {}, [f32(3), f32(3)]],

  ['Gemm', {}, [f32('batch', 3), f32(3, 4)]],
  ['Gemm', { transB: 1 }, [f32('batch', 3), f32(4, 3), f32(4)]],
  ['Gemm', { transA: 1, alpha: float(0.5) }, [f32(3, 2), f32(3, 4), f32(1)]],
  ['Gemm', { transA: 1, transB: 1, alpha: float(0.5), beta: float(1.5) }, [f32(3, 2), f32(4, 3), f32(2, 1)]],
  ['Gemm', { transB: 1, beta: float(2) }, [f32('batch', 3), f32(4, 3), f32('batch', 4)]],

  ['Einsum', { equation: 'ij,jk->ik' }, [f32(2, 3), f32(3, 4)]],
  ['Einsum', { equation: 'bhid, bhjd -> bhij' }, [f32('batch', 2, 3, 4), f32('batch', 2, 2, 4)]],
  ['Einsum', { equation: 'bij,jk' }, [f32('batch', 2, 3), f32(3, 4)]],
  ['Einsum', { equation: '...ij,jk->...ik' }, [f32('batch', 2, 3), f32(3, 2)]],
  ['Einsum', { equation: '...ij,...jk->...ik' }, [f32('batch', 2, 3), f32(1, 3, 2)]],
  ['Einsum', { equation: 'bij->bj' }, [f32('batch', 2, 3)]],
  ['Einsum', { equation: 'bij->bji' }, [f32('batch', 2, 3)]],
  ['Einsum', { equation: 'bi,bj,j->ij' }, [f32('batch', 2), f32('batch', 3), f32(3)]],
  ['Einsum', { equation: 'i,j->ij' }, [f32(2), f32(3)]],
  ['Einsum', { equation: 'bii->bi' }, [f32('batch', 3, 3)]],
  ['Einsum', { equation: 'ii' }, [f32(3, 3)]],
  ['Einsum', { equation: 'ijij,kj->ik' }, [f32(2, 3, 2, 3), f32(2, 3)]],
  ['Einsum', { equation: 'iii,bj->bj' }, [f32(2, 2, 2), f32('batch', 3)]],

  ['Det', {}, [f32('batch', 3, 3)]],
  ['Det', {}, [f32(2, 2, 4, 4)]],
  ['Det', {}, [f32(2, 2)]],
  ['Det', {}, [f32('batch', 1, 1)]],
  // A matrix of rank 2.
  ['Det', {}, [exactly([1, 2, 3, 2, 4, 6, 0.5, -1, 1], 3, 3)]],
];
