#include <cblas.h>
#include <faiss/IVFlib.h>
#include <faiss/IndexIVFPQ.h>
#include <faiss/IndexPreTransform.h>
#include <faiss/VectorTransform.h>
#include <faiss/impl/io.h>
#include <faiss/index_factory.h>
#include <faiss/index_io.h>
#include <fmt/format.h>
#include <omp.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <utility>

#include "base/status.h"
#include "indexer/vector/candidate_finder.h"

namespace gannet::indexer {
namespace {

using faiss::IndexIVFPQ;
using Id = faiss::Index::idx_t;

// Neither FAISS nor the BLAS that it trains with may share work out to threads of their own; costs
// nothing to repeat.
void UseOneThread() {
  omp_set_num_threads(1);
  openblas_set_num_threads(1);
}

// Bytes as FAISS reads them, without a copy.
class SectionReader final : public faiss::IOReader {
 public:
  explicit SectionReader(std::string_view bytes) : rest_(bytes) {}

  size_t operator()(void* out, size_t size, size_t count) override {
    const size_t whole = size == 0 ? 0 : std::min(count, rest_.size() / size);
    if (whole > 0) std::memcpy(out, rest_.data(), whole * size);
    rest_.remove_prefix(whole * size);
    return whole;
  }

 private:
  std::string_view rest_;
};

// The inverted file below whatever is in front of it; null when it is none of ours.
const IndexIVFPQ* FindIvfPq(const faiss::Index& index) {
  return dynamic_cast<const IndexIVFPQ*>(faiss::ivflib::try_extract_index_ivf(&index));
}

class IvfPqFinder final : public CandidateFinder {
 public:
  // Requires FindIvfPq(*index) != nullptr.
  explicit IvfPqFinder(std::unique_ptr<faiss::Index> index)
      : index_(std::move(index)), ivf_(*FindIvfPq(*index_)) {}

  absl::StatusOr<std::vector<uint32_t>> Find(std::span<const float> query, size_t effort,
                                             size_t count) const override {
    UseOneThread();
    const size_t wanted = std::min(count, static_cast<size_t>(index_->ntotal));
    if (wanted == 0) return std::vector<uint32_t>();
    faiss::SearchParametersIVF parameters;
    parameters.nprobe = std::min(effort, ivf_.nlist);
    std::vector<float> scores(wanted);
    std::vector<Id> ids(wanted);
    try {
      std::unique_ptr<const float[]> turned;
      const float* x = query.data();
      if (const auto* chain = dynamic_cast<const faiss::IndexPreTransform*>(index_.get())) {
        x = chain->apply_chain(1, x);
        if (x != query.data()) turned.reset(x);
      }
      ivf_.search(1, x, static_cast<Id>(wanted), scores.data(), ids.data(), &parameters);
    } catch (const std::exception& error) {
      return absl::InternalError(fmt::format("IVF-PQ search: {}", error.what()));
    }
    std::vector<uint32_t> rows;
    for (const Id id : ids) {
      if (id >= 0 && id < index_->ntotal) rows.push_back(static_cast<uint32_t>(id));
    }
    return rows;
  }

  size_t default_effort() const override { return 32; }

  // Codes of some ten times fewer bytes than vectors, and so much cheaper.
  double RowsScored(size_t effort) const override {
    constexpr double kCodeCost = 0.1;
    const double share =
        std::min(1.0, static_cast<double>(effort) / static_cast<double>(ivf_.nlist));
    return kCodeCost * share * static_cast<double>(index_->ntotal);
  }

  size_t bytes() const override {
    return static_cast<size_t>(index_->ntotal) * (ivf_.code_size + sizeof(Id)) +
           ivf_.nlist * static_cast<size_t>(ivf_.d) * sizeof(float);
  }

  absl::StatusOr<std::vector<FileSection>> Sections(std::vector<uint8_t>& holder) const override {
    try {
      faiss::VectorIOWriter writer;
      faiss::write_index(index_.get(), &writer);
      holder = std::move(writer.data);
    } catch (const std::exception& error) {
      return absl::InternalError(fmt::format("IVF-PQ: {}", error.what()));
    }
    return std::vector<FileSection>{{"faiss", BytesOf(std::span<const uint8_t>(holder))}};
  }

 private:
  const std::unique_ptr<faiss::Index> index_;
  const IndexIVFPQ& ivf_;
};

// What FAISS would only say in its own words, or not at all.
absl::Status CheckTrainable(const IndexSpec& spec, const VectorTable& exact) {
  GANNET_RETURN_IF_ERROR(spec.CheckDimension(exact.shape().dimension));
  if (exact.size() < spec.FewestRows()) {
    return absl::InvalidArgumentError(
        fmt::format("{} vectors, training takes at least {}", exact.size(), spec.FewestRows()));
  }
  return absl::OkStatus();
}

std::vector<float> PlainRows(const VectorTable& table) {
  const size_t dimension = table.shape().dimension;
  std::vector<float> rows(table.size() * dimension);
  for (size_t i = 0; i < table.size(); ++i) {
    table.Decode(i, std::span(rows).subspan(i * dimension, dimension));
  }
  return rows;
}

// Trains on few vectors without a warning on standard error: CheckTrainable has said what is
// needed.
void TrainOnFewToo(faiss::ClusteringParameters& clustering) {
  clustering.min_points_per_centroid = 1;
}

std::unique_ptr<faiss::Index> TrainIndex(const IndexSpec& spec, const VectorShape& shape,
                                         std::span<const float> rows) {
  const auto metric =
      shape.metric == Metric::kInnerProduct ? faiss::METRIC_INNER_PRODUCT : faiss::METRIC_L2;
  std::unique_ptr<faiss::Index> index(
      faiss::index_factory(static_cast<int>(shape.dimension), spec.Name().c_str(), metric));
  auto& ivf = dynamic_cast<IndexIVFPQ&>(*faiss::ivflib::extract_index_ivf(index.get()));
  TrainOnFewToo(ivf.cp);
  TrainOnFewToo(ivf.pq.cp);
  ivf.do_polysemous_training = false;  // Minutes for an order of the codewords that is not used.
  std::unique_ptr<faiss::ProductQuantizer> rotated;
  if (spec.ivf_pq.opq_blocks != 0) {
    const auto& chain = dynamic_cast<const faiss::IndexPreTransform&>(*index);
    auto& rotation = dynamic_cast<faiss::OPQMatrix&>(*chain.chain.front());
    rotated = std::make_unique<faiss::ProductQuantizer>(static_cast<size_t>(rotation.d_out),
                                                        spec.ivf_pq.opq_blocks, 8);
    TrainOnFewToo(rotated->cp);
    rotation.pq = rotated.get();
    index->train(static_cast<Id>(rows.size() / shape.dimension), rows.data());
    rotation.pq = nullptr;
  } else {
    index->train(static_cast<Id>(rows.size() / shape.dimension), rows.data());
  }
  return index;
}

}  // namespace

absl::StatusOr<std::unique_ptr<CandidateFinder>> BuildIvfPqFinder(const IndexSpec& spec,
                                                                  const VectorTable& exact) {
  GANNET_RETURN_IF_ERROR(CheckTrainable(spec, exact));
  UseOneThread();
  try {
    const std::vector<float> rows = PlainRows(exact);
    std::unique_ptr<faiss::Index> index = TrainIndex(spec, exact.shape(), rows);
    index->add(static_cast<Id>(exact.size()), rows.data());
    return std::make_unique<IvfPqFinder>(std::move(index));
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(fmt::format("no memory for {}", spec.Name()));
  } catch (const std::exception& error) {
    return absl::InternalError(fmt::format("{}: {}", spec.Name(), error.what()));
  }
}

absl::StatusOr<std::unique_ptr<CandidateFinder>> OpenIvfPqFinder(const IndexSpec&,
                                                                 const VectorTable& exact,
                                                                 const VectorFile& file) {
  GANNET_ASSIGN_OR_RETURN(const std::string_view bytes, file.Section("faiss"));
  try {
    SectionReader reader(bytes);
    std::unique_ptr<faiss::Index> index(faiss::read_index(&reader));
    if (FindIvfPq(*index) == nullptr || index->ntotal != static_cast<Id>(exact.size()) ||
        static_cast<size_t>(index->d) != exact.shape().dimension) {
      return absl::DataLossError("section faiss: not the IVF-PQ index of these vectors");
    }
    return std::make_unique<IvfPqFinder>(std::move(index));
  } catch (const std::exception& error) {
    return absl::DataLossError(fmt::format("section faiss: {}", error.what()));
  }
}

}  // namespace gannet::indexer
