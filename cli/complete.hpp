// TAB completion: the program itself knows what may follow. Shells call it as
// 'ais __complete WORD... CURRENT' and show what it prints.
#pragma once

#include <string>
#include <vector>

namespace ais::cli {

/// Prints what the last word may become, one candidate a line; ":files" where
/// the shell shall complete files. Candidates that end in '/', '=' or ',' go
/// on; the others are whole. @returns the exit code, 0.
int complete(const std::vector<std::string>& words);

/// The same for the completion scripts of AIStore's own ais: what may follow
/// the words, or of an option that was begun, its names; the last word is their
/// "--generate-bash-completion". With _CLI_ZSH_AUTOCOMPLETE_HACK=1 words come
/// as "name:summary". @returns the exit code, 0.
int complete_for_aistore(std::vector<std::string> words);

/// The script that makes a shell ask; empty for a shell that is not known.
std::string completion_script(const std::string& shell);

} // namespace ais::cli
