#ifndef GANNET_ENCODER_CODE_CUT_POINTS_H_
#define GANNET_ENCODER_CODE_CUT_POINTS_H_

#include <cstddef>
#include <vector>

#include "encoder/code/syntax_tree.h"

namespace gannet::encoder {

// Where SEA (Hu et al. 2022, arXiv:2208.11271) cuts code: the beginnings of the tree's nodes down
// to the fifth level that have children and are no comments, thinned at every level so that those
// kept are more than a number of lines apart. As released, that number is `min_lines` at the root
// and 5 below it.
std::vector<TextPoint> CutPoints(const SyntaxTree& tree, size_t min_lines);

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_CODE_CUT_POINTS_H_
