// SPDX-License-Identifier: BSL-1.0
#pragma once

// PEM (RFC 7468): finding the blocks of a text, and writing one.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tlsxx/x509/base64.hpp>

namespace tlsxx {
inline namespace v0 {

/// pem_error says what is wrong with a PEM text.
enum class pem_error : std::uint8_t {
    none,
    malformed_begin,    ///< a line starts with -----BEGIN but does not end in -----
    unterminated_block, ///< no END line before the next BEGIN or the end of the text
    label_mismatch,     ///< the END line bears another label
    bad_header,         ///< header lines without the empty line that ends them
    bad_base64,         ///< a character that is not base64, or the wrong number of them
    empty_block,        ///< nothing between BEGIN and END
};

/// message gives an English clause for an error. The text is static.
constexpr std::string_view message(pem_error error) noexcept {
    switch (error) {
    case pem_error::none: return "ok";
    case pem_error::malformed_begin: return "malformed BEGIN line";
    case pem_error::unterminated_block: return "no END line for this BEGIN line";
    case pem_error::label_mismatch: return "END line does not fit the BEGIN line";
    case pem_error::bad_header: return "no empty line after the header";
    case pem_error::bad_base64: return "invalid base64";
    case pem_error::empty_block: return "nothing between BEGIN and END";
    }
    return "invalid PEM";
}

/// pem_block is one block of a PEM text.
struct pem_block {
    std::string_view label;      ///< such as "CERTIFICATE"; points into the text
    std::string_view text;       ///< from the BEGIN line to the END line; points into the text
    std::string_view headers;    ///< RFC 1421 lines such as Proc-Type, mostly empty; into the text
    std::vector<std::byte> data; ///< the decoded body; still encrypted if the headers say so
    std::size_t index = 0;       ///< 1 for the first block of the text
    std::size_t line = 0;        ///< line of BEGIN, 1 for the first of the text
};

/// pem_scanner finds the blocks of a text one after the other. Text outside of blocks is skipped;
/// inside, only base64 and white space at the ends of lines is allowed. Lines end in LF or CR LF.
/// The text must outlive the scanner and its blocks. Memory is bounded by the size of the text.
class pem_scanner {
public:
    explicit pem_scanner(std::string_view text) noexcept : text_(text) {
        constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
        if (text_.substr(0, 3) == byte_order_mark)
            at_ = 3;
    }

    /// next gives the next block; empty after the last one, and when something is wrong, which
    /// error() tells apart. After an error nothing more is given.
    std::optional<pem_block> next() {
        std::string_view line;
        while (error_ == pem_error::none && take_line(line)) {
            if (line.substr(0, begin_.size()) != begin_)
                continue;
            return read_block(line);
        }
        return std::nullopt;
    }

    /// error is what is wrong with the text so far; error_line the line in which (1 is the first),
    /// error_block the block (1 is the first). 0 without an error.
    pem_error error() const noexcept { return error_; }
    std::size_t error_line() const noexcept { return error_line_; }
    std::size_t error_block() const noexcept { return error_ == pem_error::none ? 0 : blocks_; }

private:
    static constexpr std::string_view begin_ = "-----BEGIN ";
    static constexpr std::string_view end_ = "-----END ";
    static constexpr std::string_view dashes_ = "-----";

    // One line without its end and trailing white space; false at the end of the text.
    bool take_line(std::string_view& line) noexcept {
        if (at_ >= text_.size())
            return false;
        line_start_ = at_;
        const std::size_t end = text_.find('\n', at_);
        line = text_.substr(at_, end == std::string_view::npos ? end : end - at_);
        at_ = end == std::string_view::npos ? text_.size() : end + 1;
        ++line_number_;
        while (!line.empty() && is_space(line.back()))
            line.remove_suffix(1);
        line_end_ = line_start_ + line.size();
        return true;
    }
    static constexpr bool is_space(char c) noexcept { return c == ' ' || c == '\t' || c == '\r'; }

    static bool label_of(std::string_view line, std::string_view prefix,
                         std::string_view& label) noexcept {
        if (line.size() < prefix.size() + dashes_.size() ||
            line.substr(line.size() - dashes_.size()) != dashes_) {
            return false;
        }
        label = line.substr(prefix.size(), line.size() - prefix.size() - dashes_.size());
        return !label.empty();
    }

    std::nullopt_t fail(pem_error error, std::size_t line) noexcept {
        error_ = error;
        error_line_ = line;
        return std::nullopt;
    }

    std::optional<pem_block> read_block(std::string_view line) {
        pem_block block;
        block.index = ++blocks_;
        block.line = line_number_;
        const std::size_t start = line_start_;
        if (!label_of(line, begin_, block.label)) {
            return fail(pem_error::malformed_begin, line_number_);
        }
        // Room for all at once: a private key must not be left behind in an outgrown buffer.
        const std::size_t end = text_.find(end_, at_);
        block.data.reserve((end == std::string_view::npos ? 0 : end - at_) / 4 * 3 + 3);
        x509::base64_decoder decoder(block.data);
        bool first = true;
        bool in_headers = false;
        while (take_line(line)) {
            if (line.substr(0, begin_.size()) == begin_)
                break;
            if (line.substr(0, end_.size()) == end_) {
                std::string_view label;
                if (!label_of(line, end_, label) || label != block.label) {
                    return fail(pem_error::label_mismatch, line_number_);
                }
                if (in_headers)
                    return fail(pem_error::bad_header, block.line);
                if (!decoder.complete())
                    return fail(pem_error::bad_base64, line_number_);
                if (block.data.empty())
                    return fail(pem_error::empty_block, block.line);
                block.text = text_.substr(start, line_end_ - start);
                return block;
            }
            if (first && line.find(':') != std::string_view::npos) {
                in_headers = true;
                block.headers = line;
            }
            first = first && line.empty();
            if (in_headers) {
                in_headers = !line.empty();
                const auto from = static_cast<std::size_t>(block.headers.data() - text_.data());
                if (in_headers)
                    block.headers = text_.substr(from, line_end_ - from);
                continue;
            }
            while (!line.empty() && is_space(line.front()))
                line.remove_prefix(1);
            for (const char c : line) {
                if (!decoder.put(c))
                    return fail(pem_error::bad_base64, line_number_);
            }
        }
        return fail(pem_error::unterminated_block, block.line);
    }

    std::string_view text_;
    std::size_t at_ = 0;
    std::size_t line_start_ = 0;
    std::size_t line_end_ = 0;
    std::size_t line_number_ = 0;
    std::size_t blocks_ = 0;
    std::size_t error_line_ = 0;
    pem_error error_ = pem_error::none;
};

/// to_pem writes one block: BEGIN line, base64 in lines of 64 characters, END line, each ended by
/// a line feed, as Python's DER_cert_to_PEM_cert does.
inline std::string to_pem(std::string_view label, std::span<const std::byte> der) {
    std::string out;
    out.reserve(der.size() / 48 * 65 + 2 * label.size() + 110);
    out.append("-----BEGIN ").append(label).append("-----\n");
    x509::append_base64(out, der);
    out.append("-----END ").append(label).append("-----\n");
    return out;
}

} // namespace v0
} // namespace tlsxx
