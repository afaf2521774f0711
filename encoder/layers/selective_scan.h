#ifndef GANNET_ENCODER_LAYERS_SELECTIVE_SCAN_H_
#define GANNET_ENCODER_LAYERS_SELECTIVE_SCAN_H_

#include "base/thread_pool.h"
#include "encoder/kernels/selective_scan.h"
#include "encoder/layers/sequence_chunk.h"

namespace gannet::encoder {

// Scans the rows of a chunk, each sequence from a state of its own: zero where it begins in the
// chunk, else what `state` holds, which then holds what the last sequence of the chunk leaves.
// `input` starts at row 0 of the chunk (its `rows` are not looked at); y is [rows, y_stride]. The
// channels are spread over the pool's threads, where there is one; the bytes are the same.
void ScanChunk(const kernels::ScanParameters& parameters, const SequenceChunk& chunk,
               const kernels::ScanInput& input, base::ThreadPool* pool, float* state, float* y,
               size_t y_stride);

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_LAYERS_SELECTIVE_SCAN_H_
