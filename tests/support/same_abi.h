// SPDX-License-Identifier: Apache-2.0
//
// Compares our declarations of a vendor's binary interface with the vendor's, at compile time.
#pragma once

#include <type_traits>

namespace kgs::testing {

/// Specialized for a handle of ours, which points to nothing that is declared: the vendor's.
template <typename Ours>
struct OfficialHandle {
  using Type = void;
};

/// Whether a value of one type can be passed as the other: names may differ, representation not.
template <typename Ours, typename Official>
constexpr bool SameRepresentation() {
  if constexpr (!std::is_void_v<typename OfficialHandle<Ours>::Type>) {
    return std::is_same_v<Official, typename OfficialHandle<Ours>::Type>;
  } else if constexpr (std::is_pointer_v<Ours> && std::is_pointer_v<Official>) {
    return SameRepresentation<std::remove_pointer_t<Ours>, std::remove_pointer_t<Official>>();
  } else if constexpr (std::is_enum_v<Official> || std::is_enum_v<Ours>) {
    return (std::is_enum_v<Ours> || std::is_integral_v<Ours>) && sizeof(Ours) == sizeof(Official);
  } else if constexpr (std::is_class_v<Ours> || std::is_union_v<Ours>) {
    return std::is_class_v<Ours> == std::is_class_v<Official> &&
           std::is_union_v<Ours> == std::is_union_v<Official> && sizeof(Ours) == sizeof(Official) &&
           alignof(Ours) == alignof(Official);
  } else {
    return std::is_same_v<Ours, Official>;
  }
}

template <typename Ours, typename Official>
struct SameFunction : std::false_type {};
template <typename R, typename... P, typename OfficialR, typename... OfficialP>
struct SameFunction<R(P...), OfficialR(OfficialP...)> {
  static constexpr bool Compare() {
    if constexpr (sizeof...(P) != sizeof...(OfficialP))
      return false;
    else
      return SameRepresentation<R, OfficialR>() && (SameRepresentation<P, OfficialP>() && ...);
  }
  static constexpr bool value = Compare();
};

}  // namespace kgs::testing
