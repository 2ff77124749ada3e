// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {ILoyaltyBadges} from "../../../contracts/interfaces/ILoyaltyBadges.sol";
import {Artifacts} from "../invariants/Artifacts.sol";
import {Digests} from "../invariants/Digests.sol";
import {Setting} from "./Setting.sol";

/// @title Who calls is meant, not who sent the transaction: the two differ where a holder runs code by EIP-7702
contract BadgesTest is Setting {
    uint256 private constant BADGE = 3;

    function test_renouncedInSomebodyElsesTransaction() external {
        ILoyaltyBadges badges = ILoyaltyBadges(Artifacts.deploy("LoyaltyBadges", abi.encode(address(hub))));
        hub.setOperator(open, relayer, 1);
        ILoyaltyBadges.Wish[] memory wishes = new ILoyaltyBadges.Wish[](1);
        wishes[0] = _wish(address(badges));
        vm.prank(relayer);
        badges.award(open, BADGE, wishes);
        uint256 number = badges.idOf(open, BADGE, alice);
        assertEq(badges.balanceOf(alice), 1);

        vm.prank(alice, friend);
        vm.expectEmit(address(badges));
        emit IERC721.Transfer(alice, address(0), number);
        badges.renounce(number);
        assertEq(badges.balanceOf(alice), 0);
    }

    function _wish(address badges) private view returns (ILoyaltyBadges.Wish memory) {
        bytes32 typehash = keccak256("Badge(address holder,uint256 campaign,uint256 badge,uint256 deadline)");
        bytes32 wish = keccak256(abi.encode(typehash, alice, open, BADGE, DEADLINE));
        (uint8 v, bytes32 r, bytes32 s) =
            vm.sign(aliceKey, Digests.digest(Digests.domain("LoyaltyBadges", badges), wish));
        return ILoyaltyBadges.Wish(alice, DEADLINE, r, bytes32(uint256(s) | (v == 28 ? 1 << 255 : 0)));
    }
}
