// Boost.JSON, compiled here so that its coverage guides the fuzzer through the
// syntax; it takes the place of the shared library's.
#include <boost/json/src.hpp>
